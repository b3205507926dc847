// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/dump_layout.h"

#include <cinttypes>

namespace crashdump {

uint64_t SlotHeaderOffset(uint64_t slot_offset, uint32_t attempt) {
  Require(attempt >= 1 && attempt <= kAttempts);
  return slot_offset + (attempt - 1) * kDiskUnit;
}

uint64_t SlotTrailerOffset(uint64_t slot_offset, uint32_t attempt) {
  return SlotHeaderOffset(slot_offset, attempt) + kAttempts * kDiskUnit;
}

DumpLayout RegionSlotLayout(uint64_t slot_offset, Range extent, uint32_t attempt) {
  const uint64_t messages = slot_offset + kSlotControlBytes + (attempt - 1) * kSlotMessagesBytes;
  return {.header = SlotHeaderOffset(slot_offset, attempt),
          .trailer = SlotTrailerOffset(slot_offset, attempt),
          .messages = {messages, messages + kSlotMessagesBytes},
          .data = attempt == 1 ? extent : Range{extent.begin, extent.begin}};
}

DumpLayout FileLayout(uint64_t messages_bytes) {
  const Range messages{2 * kDiskUnit, 2 * kDiskUnit + AlignUp(messages_bytes, kDiskUnit)};
  return {.header = 0, .trailer = kDiskUnit, .messages = messages, .data = {messages.end, kUnboundedEnd}};
}

Result<> CheckLayout(const DumpLayout& layout) {
  for (const uint64_t offset : {layout.header, layout.trailer, layout.messages.begin, layout.messages.end,
                                layout.data.begin, layout.data.end}) {
    if (!IsAligned(offset, kDiskUnit) || offset > kUnboundedEnd) {
      return Error::Format(ErrorCode::kCorrupt, "places of a dump: offset %" PRIu64 " is not possible", offset);
    }
  }
  if (layout.messages.begin > layout.messages.end || layout.data.begin > layout.data.end) {
    return Error::Format(ErrorCode::kCorrupt, "places of a dump: a range ends before it begins");
  }
  const Range header{layout.header, layout.header + kDiskUnit};
  const Range trailer{layout.trailer, layout.trailer + kDiskUnit};
  if (header.Overlaps(trailer) || header.Overlaps(layout.messages) || header.Overlaps(layout.data) ||
      trailer.Overlaps(layout.messages) || trailer.Overlaps(layout.data) || layout.messages.Overlaps(layout.data)) {
    return Error::Format(ErrorCode::kCorrupt, "places of a dump: they overlap");
  }
  return {};
}

}  // namespace crashdump
