// SPDX-License-Identifier: GPL-2.0-or-later
// /etc/crashdump.conf: lines of KEY=value. The table of keys is in configuration.cc.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/storage/uuid.h"
#include "common/vmcore/vmcore_format.h"
#include "loader/machine.h"

namespace crashdump {

struct Configuration {
  Uuid target{};               // TARGET=UUID=...: the swap whose upper end is the region
  std::string kernel_version;  // KERNEL_VERSION: of the capture kernel; default: the running kernel's
  std::string kernel;          // KERNEL: default: vmlinuz-VERSION or vmlinux-VERSION in /boot, or among the modules
  std::string initramfs;       // INITRAMFS: default: /var/lib/crashdump/initramfs-VERSION
  unsigned cpus = 1;           // CPUS: processors of the capture kernel
  std::string command_line_append;  // COMMAND_LINE_APPEND: for the capture kernel, behind everything else
  // VMCORE_FORMAT, VMCORE_COMPRESS: how `recover` publishes memory.
  VmcoreFormat vmcore_format = VmcoreFormat::kKdump;
  PageCompression vmcore_compress = kDefaultPageCompression;
};

// Takes the text apart and fills in what it leaves out. The error names the line's key and what is wrong.
Result<Configuration> ParseConfiguration(const Machine& machine, std::string_view text);

// The same of the file at `path`; the error names it.
Result<Configuration> ReadConfiguration(const Machine& machine, const char* path);

}  // namespace crashdump
