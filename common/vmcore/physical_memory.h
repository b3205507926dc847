// SPDX-License-Identifier: GPL-2.0-or-later
// PhysicalMemory: which page frames a vmcore holds, each once, and where in the file.
#pragma once

#include <vector>

#include "common/base/units.h"
#include "common/vmcore/vmcore.h"

namespace crashdump {

// Consecutive page frames at consecutive places of the file.
struct PageExtent {
  enum class Kind : uint8_t {
    kWhole,   // all bytes of each page are in the file, from file_offset on
    kPieces,  // one page of which parts are in the file; firmware's memory maps need not end at pages
  };
  Range pfns;
  uint64_t file_offset = 0;  // for kWhole
  Kind kind = Kind::kWhole;
};

class PhysicalMemory {
 public:
  // From the PT_LOADs: sorted, overlaps removed (the kernel's text is mapped by two). A page of which only some bytes
  // are in the file belongs to it too: those bytes may be the ones that are looked for. Memory that a PT_LOAD claims
  // but the file does not hold (p_filesz < p_memsz) does not belong to it.
  explicit PhysicalMemory(const Vmcore& vmcore);

  // Sorted by pfn, disjoint, not empty; neighbours are merged in ranges() and kept apart in extents().
  const std::vector<Range>& ranges() const { return ranges_; }
  const std::vector<PageExtent>& extents() const { return extents_; }
  uint64_t total_pages() const { return total_pages_; }
  // One past the highest pfn.
  uint64_t end_pfn() const { return ranges_.empty() ? 0 : ranges_.back().end; }
  // The extent that holds `pfn`, or null.
  const PageExtent* Find(uint64_t pfn) const;

 private:
  std::vector<Range> ranges_;
  std::vector<PageExtent> extents_;
  uint64_t total_pages_ = 0;
};

}  // namespace crashdump
