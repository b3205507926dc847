// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/occupancy.h"

#include <algorithm>

#include "common/format/dump_reader.h"

namespace crashdump {
namespace {

// The part of the record's extent that attempt 1 occupies (attempt 2 writes no pages).
Range OccupiedData(const ByteSource& source, const KeyRecord& record, AttemptState state,
                   std::chrono::milliseconds walk_limit) {
  if (state != AttemptState::kUnrecovered) return record.extent;
  const Result<std::optional<uint64_t>> end =
      DumpReader::FindEnd(source, record.Layout(1), record.credentials, walk_limit);
  // Without an error, but also without a dump: what the header said a moment ago is gone. Nothing is known then.
  if (!end.ok() || !end.value()) return record.extent;
  const uint64_t aligned = AlignUp(*end.value(), kDiskUnit);
  return {record.extent.begin, std::clamp(aligned, record.extent.begin, record.extent.end)};
}

}  // namespace

Occupancy ComputeOccupancy(const ByteSource& source, const Region& region, const RegionId& region_id,
                           const std::vector<KeyRecord>& records, std::chrono::milliseconds walk_limit) {
  Occupancy occupancy;
  for (const KeyRecord& record : records) {
    if (record.credentials.region_id != region_id) {
      occupancy.attempts.push_back(kUnknownAttempts);
      continue;
    }
    const AttemptStates states = InspectAttempts(source, record);
    occupancy.attempts.push_back(states);
    if (!MayHoldDump(states) && !IsReserved(record)) continue;
    // By place, not by number: this holds for every record, whatever it says about numbers.
    const Range slot{record.slot_offset, record.slot_offset + kSlotBytes};
    for (unsigned index = 0; index < kSlotCount; ++index) {
      if (region.Slot(index).Overlaps(slot)) occupancy.slots.at(index) = true;
    }
    if (IsReserved(record)) {
      occupancy.data.push_back(record.extent);
    } else if (states[0] == AttemptState::kUnrecovered || states[0] == AttemptState::kUnknown) {
      occupancy.data.push_back(OccupiedData(source, record, states[0], walk_limit));
    }
  }
  return occupancy;
}

std::optional<unsigned> FreeSlot(const Occupancy& occupancy) {
  for (unsigned slot = 0; slot < kSlotCount; ++slot) {
    if (!occupancy.slots.at(slot)) return slot;
  }
  return std::nullopt;
}

Range LargestFreeExtent(const Region& region, const Occupancy& occupancy) {
  std::vector<Range> occupied = occupancy.data;
  std::sort(occupied.begin(), occupied.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
  const Range data = region.data();
  Range largest{data.begin, data.begin};
  uint64_t free_from = data.begin;
  const auto consider = [&](uint64_t begin, uint64_t end) {
    const Range free{AlignUp(begin, kDiskUnit), AlignDown(std::min(end, data.end), kDiskUnit)};
    if (free.begin < free.end && free.size() > largest.size()) largest = free;
  };
  for (const Range& range : occupied) {
    if (range.empty()) continue;
    if (range.begin > free_from) consider(free_from, range.begin);
    free_from = std::max(free_from, range.end);
  }
  consider(free_from, data.end);
  if (largest.size() < kSmallestExtent) return {data.begin, data.begin};
  return largest;
}

}  // namespace crashdump
