// SPDX-License-Identifier: GPL-2.0-or-later
// Memory as direct I/O wants it: aligned to kDiskUnit, allocated and freed as a whole.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>

#include "common/base/result.h"

namespace crashdump {

struct FreeMemory {
  void operator()(void* memory) const { free(memory); }
};
using AlignedMemory = std::unique_ptr<uint8_t[], FreeMemory>;

// At least `bytes` bytes of zeros. Every page is touched, so that the memory is there when it is used later.
// kOs with ENOMEM if there is none.
Result<AlignedMemory> AllocateAligned(uint64_t bytes);

}  // namespace crashdump
