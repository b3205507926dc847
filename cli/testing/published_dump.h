// SPDX-License-Identifier: GPL-2.0-or-later
// A dump below /var/crash, as far as no power cut can take it away.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/testing/fsynced_directory.h"
#include "recover/dump_info.h"

namespace crashdump {

struct PublishedDump {
  DumpInfo info;
  std::string messages;
  // By page frame number, filled up with zeros where the vmcore has a part only.
  std::map<uint64_t, std::vector<uint8_t>> pages;
  std::optional<std::string> fault;  // what is wrong with the vmcore
};

// The names of the dumps of `var`, which stands for /var, with what each is: nothing while its files have not been
// flushed. What is being built or removed does not count.
std::map<std::string, std::optional<PublishedDump>> ReadPublishedDumps(const FsyncedDirectory& var);

}  // namespace crashdump
