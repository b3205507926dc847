// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/base/aligned_memory.h"

#include <cerrno>
#include <cinttypes>
#include <cstring>

#include "common/base/units.h"

namespace crashdump {

Result<AlignedMemory> AllocateAligned(uint64_t bytes) {
  const uint64_t rounded = AlignUp(bytes, kDiskUnit);
  // A wrapped-around size is smaller; SIZE_MAX matters where pointers have 32 bits.
  void* const memory =
      rounded < bytes || rounded > SIZE_MAX ? nullptr : aligned_alloc(kDiskUnit, static_cast<size_t>(rounded));
  if (memory == nullptr) return Error::Os(ENOMEM, "%" PRIu64 " bytes of memory", bytes);
  memset(memory, 0, static_cast<size_t>(rounded));
  return AlignedMemory(static_cast<uint8_t*>(memory));
}

}  // namespace crashdump
