// SPDX-License-Identifier: GPL-2.0-or-later
// The report of a crash in the form that apport's tools read: one "key: value" per line, the panic messages as a gzip
// member in base64. Its keys are fixed and its free text is encoded, so nothing in a crashed kernel's log can add a
// key.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace crashdump {

struct CrashReport {
  std::string kernel_release;   // of the crashed kernel, as in uname -r; see IsKernelRelease()
  std::string machine;          // as in uname -m
  std::string architecture;     // the distribution's name for it ("amd64")
  std::string distribution;     // "Debian GNU/Linux 12"
  std::string package_version;  // of the crashed kernel's package; empty if it is not installed
  std::string date;             // FormatReportDate() of the crash
  std::string dump_directory;   // where the dump lies
  std::string_view messages;
};

// Whether the text can stand in a file name and a package name: 1 to 64 of [0-9A-Za-z.+~_-], not beginning with a dot.
bool IsKernelRelease(std::string_view text);

// Local time, as apport parses it: "Mon Sep 21 14:13:20 2026", the day padded with a blank.
std::string FormatReportDate(uint64_t seconds_since_1970);

// The whole file. kInvalidArgument, naming the field, for a value with a line break or another control character in
// it, or that is not a kernel release where one must stand.
Result<std::string> FormatCrashReport(const CrashReport& report);

}  // namespace crashdump
