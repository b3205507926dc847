// SPDX-License-Identifier: GPL-2.0-or-later
// Where things are in a region, in bytes of the device: from docs/region-format.md, not from the code, which a test
// cannot believe.
#pragma once

#include <cstdint>

#include "common/base/units.h"

namespace crashdump {

struct RegionPlaces {
  static constexpr uint64_t kBlock = 4096;
  static constexpr uint64_t kSlots = 8;
  static constexpr uint64_t kControl = 16384;  // of a slot

  explicit RegionPlaces(const Range& region)
      : start_stamp{region.begin, region.begin + kBlock},
        end_stamp{region.end - 2 * kMiB - kBlock, region.end - 2 * kMiB},
        slots{end_stamp.begin - kSlots * kMiB, end_stamp.begin},
        data{start_stamp.end, slots.begin} {}

  Range Slot(uint64_t slot) const { return {slots.begin + slot * kMiB, slots.begin + (slot + 1) * kMiB}; }

  Range start_stamp, end_stamp, slots, data;
};

// Where an attempt with this slot and this extent may write.
struct WritablePlaces {
  WritablePlaces(const Range& slot, const Range& pages, unsigned attempt) {
    constexpr uint64_t kMessages = 516096;
    const uint64_t index = attempt - 1;
    const uint64_t block = slot.begin + index * RegionPlaces::kBlock;
    const uint64_t text = slot.begin + RegionPlaces::kControl + index * kMessages;
    header = {block, block + RegionPlaces::kBlock};
    trailer = {header.begin + 2 * RegionPlaces::kBlock, header.end + 2 * RegionPlaces::kBlock};
    messages = {text, text + kMessages};
    if (attempt == 1) extent = pages;
  }
  bool Contain(const Range& range) const {
    return header.Contains(range) || trailer.Contains(range) || messages.Contains(range) || extent.Contains(range);
  }

  Range header, trailer, messages, extent;
};

}  // namespace crashdump
