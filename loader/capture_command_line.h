// SPDX-License-Identifier: GPL-2.0-or-later
// The capture kernel's command line. capture_command_line.cc has the reason for each word.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/storage/device_drivers.h"
#include "loader/architecture.h"

namespace crashdump {

struct CaptureCommandLineFacts {
  KernelFamily family = KernelFamily::kX86;
  std::string running;                       // command line of the running kernel
  std::string append;                        // from the configuration
  unsigned cpus = 1;                         // processors that the capture kernel may use
  std::optional<uint32_t> boot_cpu_apic_id;  // x86: needed for more than one
  std::vector<DeviceDriver> drivers;         // of the target
};

// kInvalidArgument if it would be longer than the kernel takes, or on x86 for several processors without the boot
// processor's APIC id.
Result<std::string> MakeCaptureCommandLine(const CaptureCommandLineFacts& facts);

// The APIC id of processor 0 from the text of /proc/cpuinfo.
std::optional<uint32_t> BootCpuApicId(std::string_view cpuinfo);

}  // namespace crashdump
