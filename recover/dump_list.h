// SPDX-License-Identifier: GPL-2.0-or-later
// The recovered dumps, as they are in the directory where Publisher puts them. Changes nothing.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "recover/dump_info.h"

namespace crashdump {

struct ListedDump {
  std::string name;       // of the directory
  Result<DumpInfo> info;  // or why it cannot be read
};

// `crash_directory`/kernel/dumps. kNotFound: there is none; kRefused: somebody else's, which is not looked into.
Result<UniqueFd> OpenDumps(const std::string& crash_directory);

// What `crash_directory`/kernel/dumps holds, by name, which is by time. None if there is no such directory.
Result<std::vector<ListedDump>> ListDumps(const std::string& crash_directory);
Result<std::vector<ListedDump>> ListDumps(int dumps_fd);

// Whether Publisher gives such names to dumps; what it moves aside has others.
bool IsDumpName(std::string_view name);

// The name of the dump that a user means: the whole of it, a beginning that no other has, or "latest". kNotFound: none
// is meant; kInvalidArgument: more than one.
Result<std::string> FindDump(std::span<const ListedDump> dumps, std::string_view id);

}  // namespace crashdump
