// SPDX-License-Identifier: GPL-2.0-or-later
// Occupancy: which parts of a region hold dumps that nobody has recovered, or are kept for an image of sealed keys.
// Stored nowhere: computed by every load from
// the key records and what authenticates on the disk. What cannot be read counts as occupied.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <vector>

#include "common/base/byte_source.h"
#include "common/base/result.h"
#include "common/base/units.h"
#include "common/format/key_policy.h"
#include "common/format/key_record.h"
#include "common/storage/region.h"

namespace crashdump {

// How long the walk over one dump without a trailer may take before its whole extent counts as occupied.
inline constexpr std::chrono::milliseconds kWalkLimit{5000};

// A smaller extent is not worth a dump: the first chunk, index and summary would not fit.
inline constexpr uint64_t kSmallestExtent = kMiB;

struct Occupancy {
  std::array<bool, kSlotCount> slots{};
  std::vector<Range> data;  // relative to the region; in any order, may overlap
  // For each record that was given, in the same order; kUnknownAttempts for those of other regions.
  std::vector<AttemptStates> attempts;
};

// `source` begins at the region's first byte. Records of other regions occupy nothing.
Occupancy ComputeOccupancy(const ByteSource& source, const Region& region, const RegionId& region_id,
                           const std::vector<KeyRecord>& records, std::chrono::milliseconds walk_limit = kWalkLimit);

std::optional<unsigned> FreeSlot(const Occupancy& occupancy);

// The largest contiguous range of page data that nothing occupies, aligned to kDiskUnit; empty if none has
// kSmallestExtent.
Range LargestFreeExtent(const Region& region, const Occupancy& occupancy);

}  // namespace crashdump
