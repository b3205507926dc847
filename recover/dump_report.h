// SPDX-License-Identifier: GPL-2.0-or-later
// The report of a recovered dump (crash_report.h): beside it always, and in the crash directory itself, where apport's
// tools look, if that is asked for. It follows from info.json, dmesg.txt and the machine, so that it can be made again.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "recover/dump_info.h"
#include "recover/host_facts.h"

namespace crashdump {

// In the dump's directory.
inline constexpr const char* kReportName = "report.crash";

// `messages` are those of dmesg.txt.
Result<std::string> FormatDumpReport(const HostFacts& host, const DumpInfo& info, const std::string& dump_directory,
                                     std::string_view messages);

// "linux-image-6.1.0-9-amd64-20261122235901-0123456789ab.crash": the readers take the beginning for the package.
std::string PublicReportName(const DumpInfo& info, const std::string& dump_name);

// Puts the report into the directory where everybody may write, whole or not at all, in place of nothing. If the name
// is taken by a file of ours, it is this report; by anything else, kRefused.
Result<> PublishReport(int crash_directory_fd, const std::string& name, std::string_view report);

}  // namespace crashdump
