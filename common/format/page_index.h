// SPDX-License-Identifier: GPL-2.0-or-later
// PageIndex: which chunks can hold a page. 32 bytes of memory per chunk. Internal to common/format.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/format/dump_format.h"

namespace crashdump {

// The payload of an index segment. kCorrupt unless its counts, offsets and page frame numbers are possible: each chunk
// within [data_begin, segment_offset), the previous segment before this one.
struct IndexSegment {
  uint64_t previous_offset = 0;
  std::vector<IndexEntry> entries;
};
Result<IndexSegment> ParseIndexSegment(Bytes payload, uint64_t data_begin, uint64_t segment_offset);

class PageIndex {
 public:
  // Entries may come in any order; Prepare() after the last and before Find().
  void Add(const IndexEntry& entry);
  void Prepare();
  void Clear() { entries_.clear(); }

  // Offsets of the chunks whose range covers the page, in no particular order.
  void Find(uint64_t pfn, std::vector<uint64_t>& offsets) const;

  size_t size() const { return entries_.size(); }
  // One past the highest page frame number; 0 if empty.
  uint64_t end_pfn() const { return entries_.empty() ? 0 : entries_.back().highest_end; }

 private:
  struct Entry {
    uint64_t first_pfn;
    uint64_t end_pfn;
    uint64_t highest_end;  // of this entry and all before it
    uint64_t offset;
  };
  std::vector<Entry> entries_;  // by first_pfn
};

}  // namespace crashdump
