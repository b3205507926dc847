// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/page_index.h"

#include <algorithm>
#include <cinttypes>

#include "common/base/byte_reader.h"

namespace crashdump {

Result<IndexSegment> ParseIndexSegment(Bytes payload, uint64_t data_begin, uint64_t segment_offset) {
  ByteReader reader(payload);
  const auto prefix = TRY(reader.TakeObject<IndexPrefix>(), "index segment");
  const uint32_t count = prefix.entry_count;
  IndexSegment segment{.previous_offset = prefix.previous_offset};
  if (count == 0 || count > kIndexMaxEntries || prefix.reserved != 0 ||
      reader.remaining() != uint64_t{count} * sizeof(IndexEntry)) {
    return Error::Format(ErrorCode::kCorrupt,
                         "index segment at offset %" PRIu64 ": %" PRIu32 " entries in %" PRIu64 " bytes",
                         segment_offset, count, reader.remaining());
  }
  if (segment.previous_offset != 0 &&
      (segment.previous_offset < data_begin || segment.previous_offset >= segment_offset)) {
    return Error::Format(ErrorCode::kCorrupt, "index segment at offset %" PRIu64 ": the one before it at %" PRIu64,
                         segment_offset, segment.previous_offset);
  }
  segment.entries.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const auto entry = TRY(reader.TakeObject<IndexEntry>());
    if (entry.offset < data_begin || entry.offset >= segment_offset || entry.first_pfn >= entry.end_pfn ||
        entry.end_pfn > kPfnLimit) {
      return Error::Format(ErrorCode::kCorrupt, "index segment at offset %" PRIu64 ": entry %" PRIu32 " is impossible",
                           segment_offset, i);
    }
    segment.entries.push_back(entry);
  }
  return segment;
}

void PageIndex::Add(const IndexEntry& entry) {
  entries_.push_back(
      {.first_pfn = entry.first_pfn, .end_pfn = entry.end_pfn, .highest_end = 0, .offset = entry.offset});
}

void PageIndex::Prepare() {
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.first_pfn < b.first_pfn; });
  uint64_t highest = 0;
  for (Entry& entry : entries_) {
    highest = std::max(highest, entry.end_pfn);
    entry.highest_end = highest;
  }
}

void PageIndex::Find(uint64_t pfn, std::vector<uint64_t>& offsets) const {
  offsets.clear();
  auto entry = std::upper_bound(entries_.begin(), entries_.end(), pfn,
                                [](uint64_t value, const Entry& candidate) { return value < candidate.first_pfn; });
  // Backwards until nothing before can reach the page.
  while (entry != entries_.begin() && std::prev(entry)->highest_end > pfn) {
    --entry;
    if (entry->end_pfn > pfn) offsets.push_back(entry->offset);
  }
}

}  // namespace crashdump
