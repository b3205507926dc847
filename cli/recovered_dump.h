// SPDX-License-Identifier: GPL-2.0-or-later
// Recovered dumps as users name them: by ID, below the directory of the option --directory.
#pragma once

#include <optional>
#include <string>

#include "cli/options.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "recover/dump_info.h"

namespace crashdump {

// Where recover puts them, and where they are looked for, unless --directory says otherwise.
inline constexpr const char* kCrashDirectory = "/var/crash";

inline constexpr OptionSpec kDirectoryOption = {"directory", OptionKind::kText, "DIR",
                                                "recovered dumps are below DIR/kernel/dumps (default /var/crash)"};

// The option's value.
std::string CrashDirectory(const CommandLine& line);

struct RecoveredDump {
  std::string name;
  std::string path;  // of its directory
  UniqueFd directory;
  DumpInfo info;

  // A file of it, as text.
  Result<std::string> ReadText(const char* name) const;
};

// As FindDump(), of those that can be read.
Result<RecoveredDump> FindRecoveredDump(const std::string& crash_directory, const std::string& id);

// What the argument FILE of a command is: a recovered dump if there is no file of that name and it is an ID.
Result<std::optional<RecoveredDump>> DumpInsteadOfFile(const CommandLine& line);

}  // namespace crashdump
