// SPDX-License-Identifier: GPL-2.0-or-later
// Architecture: that of the running kernel, whatever this program was compiled for: which kernels its loaders take,
// and, elsewhere, what the capture kernel must be told.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/result.h"
#include "common/vmcore/target_data.h"

namespace crashdump {

enum class KernelFamily : uint8_t { kX86, kPowerpc };

struct Architecture {
  std::string_view name;  // as our own build has it: "i386"
  KernelFamily family = KernelFamily::kX86;
  TargetFormat format;
};

// From what `uname -m` prints. kUnsupported for what this program does not know.
Result<Architecture> FindArchitecture(std::string_view machine);

}  // namespace crashdump
