// SPDX-License-Identifier: GPL-2.0-or-later
// The list of recovered dumps, read from the directory where Publisher puts them. Changes nothing.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "recover/dump_info.h"

namespace crashdump {

struct ListedDump {
  std::string name;       // of the directory
  Result<DumpInfo> info;  // or why it cannot be read
};

// What `crash_directory`/kernel/dumps holds, by name, which is by time. None if there is no such directory.
Result<std::vector<ListedDump>> ListDumps(const std::string& crash_directory);

}  // namespace crashdump
