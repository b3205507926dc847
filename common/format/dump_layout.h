// SPDX-License-Identifier: GPL-2.0-or-later
// DumpLayout: the places that one dump may use. On a disk they follow from the key record alone (message slot, extent,
// attempt); in a file they are chosen by its writer and stand in its header.
#pragma once

#include "common/base/result.h"
#include "common/base/units.h"
#include "common/format/dump_format.h"

namespace crashdump {

// All offsets are bytes from the first byte of the region or file, all multiples of kDiskUnit. Header and trailer have
// one block of kDiskUnit each. A dump without room for pages has an empty data range.
struct DumpLayout {
  uint64_t header = 0;
  uint64_t trailer = 0;
  Range messages;
  Range data;

  bool operator==(const DumpLayout&) const = default;
};

// The places of attempt 1 or 2 of an arming with the message slot at `slot_offset` and the extent `extent`, which may
// be empty. Attempt 2 writes messages only: its data range is empty, at the extent's begin.
DumpLayout RegionSlotLayout(uint64_t slot_offset, Range extent, uint32_t attempt);

// The header and trailer blocks of one attempt in its slot, for who compares control blocks: attempt 1 has blocks 0 and
// 2 of the slot, attempt 2 has blocks 1 and 3.
uint64_t SlotHeaderOffset(uint64_t slot_offset, uint32_t attempt);
uint64_t SlotTrailerOffset(uint64_t slot_offset, uint32_t attempt);

// The places of a dump in a file of its own: header at 0, trailer at 4096, `messages_bytes` (rounded up to kDiskUnit)
// from 8192, then data without a bound. DumpWriter::MeasureMessages() computes `messages_bytes`.
DumpLayout FileLayout(uint64_t messages_bytes);

// Whether the places are aligned, ordered and apart from each other. kCorrupt with the first fact that is wrong.
Result<> CheckLayout(const DumpLayout& layout);

}  // namespace crashdump
