// SPDX-License-Identifier: GPL-2.0-or-later
// What the directory of a recovered dump holds, beside info.json (dump_info.h) and report.crash (dump_report.h).
#pragma once

#include <string_view>

namespace crashdump {

inline constexpr const char* kVmcoreName = "vmcore";
inline constexpr const char* kMessagesName = "dmesg.txt";
// Empty, and there until the hooks have been told of what the directory holds.
inline constexpr const char* kUnannouncedName = "unannounced";

// Whether the dump in that directory is one that the hooks have not been told of.
bool IsUnannounced(int directory_fd);

// The name of a directory that is being removed begins with it.
inline constexpr std::string_view kGoingPrefix = ".going-";

}  // namespace crashdump
