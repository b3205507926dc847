// SPDX-License-Identifier: GPL-2.0-or-later
// The message slot, the one structure by which both the region on a disk (common/storage) and the dump in it
// (common/format) are laid out; neither may know the other.
//
//   | header, attempt 1 | header, attempt 2 | trailer, attempt 1 | trailer, attempt 2 | messages 1 | messages 2 |
//     4 KiB               4 KiB               4 KiB                4 KiB                504 KiB      504 KiB
#pragma once

#include "common/base/units.h"

namespace crashdump {

inline constexpr uint32_t kAttempts = 2;
inline constexpr uint64_t kSlotBytes = kMiB;
inline constexpr uint64_t kSlotControlBytes = uint64_t{2} * kAttempts * kDiskUnit;
inline constexpr uint64_t kSlotMessagesBytes = (kSlotBytes - kSlotControlBytes) / kAttempts;
static_assert(kSlotMessagesBytes == 504 * kKiB);

}  // namespace crashdump
