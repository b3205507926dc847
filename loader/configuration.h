// SPDX-License-Identifier: GPL-2.0-or-later
// /etc/crashdump.conf: lines of KEY=value. The table of keys is in configuration.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/units.h"
#include "common/options/recover_options.h"
#include "common/storage/uuid.h"
#include "common/vmcore/vmcore_format.h"
#include "loader/machine.h"
#include "loader/panic_causes.h"

namespace crashdump {

struct Configuration {
  std::optional<Uuid> target;       // TARGET=UUID=...: the swap whose upper end is the region; else it is chosen
  bool prepares_at_boot = false;    // RESERVE was given: the next boot may prepare the swap
  std::optional<uint64_t> reserve;  // RESERVE: bytes to set aside; empty: automatic
  std::optional<std::vector<PanicCause>> panic_on;  // PANIC_ON; empty: kDefaultPanicCause
  std::string kernel_version;  // KERNEL_VERSION: of the capture kernel; default: the running kernel's
  std::string kernel;          // KERNEL: default: vmlinuz-VERSION or vmlinux-VERSION in /boot, or among the modules
  std::string initramfs;       // INITRAMFS: default: /var/lib/crashdump/initramfs-VERSION
  bool early = false;          // EARLY: the initramfs of the system arms the machine, too
  unsigned cpus = 1;           // CPUS: processors of the capture kernel
  std::string command_line_append;  // COMMAND_LINE_APPEND: for the capture kernel, behind everything else
  // VMCORE_FORMAT, VMCORE_COMPRESS: how `recover` publishes memory.
  VmcoreFormat vmcore_format = VmcoreFormat::kKdump;
  PageCompression vmcore_compress = kDefaultPageCompression;
  ReportPlace reports = ReportPlace::kPrivate;  // REPORTS
  Retention retention;                          // KEEP, MAX_SIZE
  uint64_t min_free = 64 * kMiB;                // MIN_FREE: bytes that stay free on the filesystem of the dumps
  // MODULES and DISPLAY_MODULES are for the hooks that pack the initramfs; here they are only known.
};

// "auto" (empty), or a size as in ParseSize().
Result<std::optional<uint64_t>> ParseReserve(std::string_view text);

// Takes the text apart and fills in what it leaves out. The error names the line's key and what is wrong.
Result<Configuration> ParseConfiguration(const Machine& machine, std::string_view text);
Result<Configuration> ParseConfigurationFor(const Machine& machine, std::string_view text, const std::string& version);

// The same of the file at `path`; the error names it. Without a file, that of an empty one.
Result<Configuration> ReadConfiguration(const Machine& machine, const char* path);

// The same with the default kernel and initramfs of another version, where the file names none.
Result<Configuration> ReadConfigurationFor(const Machine& machine, const char* path, const std::string& version);

}  // namespace crashdump
