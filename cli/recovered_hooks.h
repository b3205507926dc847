// SPDX-License-Identifier: GPL-2.0-or-later
// The administrator's programs that are told of recovered dumps: for mail, upload, or whatever collects them.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace crashdump {

inline constexpr const char* kHookDirectory = "/etc/crashdump/recovered.d";

struct RecoveredHooks {
  std::string directory = kHookDirectory;
  // Of one hook for one dump; then it is killed, with all that it has started and not let go.
  std::chrono::milliseconds limit = std::chrono::minutes(10);
};

// Runs the hooks for each dump below `crash_directory` that they have not been run for, or that has got more since. The
// caller sees to it that nobody else does so meanwhile. A line for each hook that cannot be run, or fails: this changes
// nothing, and it is not run again.
Result<std::vector<std::string>> AnnounceDumps(const std::string& crash_directory, const RecoveredHooks& hooks);

}  // namespace crashdump
