// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/physical_memory.h"

#include <algorithm>

namespace crashdump {
namespace {

// Sorted, and where extents overlap the earlier one's file offset stands.
std::vector<PageExtent> WholePages(const Vmcore& vmcore) {
  const uint64_t page_size = vmcore.page_size();
  std::vector<PageExtent> found;
  for (const ElfSegment& load : vmcore.loads()) {
    const Range bytes = load.physical();
    const uint64_t lead = (page_size - bytes.begin % page_size) % page_size;
    if (bytes.size() < lead) continue;
    const Range pfns = {(bytes.begin + lead) / page_size, bytes.end / page_size};
    if (pfns.begin < pfns.end) found.push_back({.pfns = pfns, .file_offset = load.file_offset + lead});
  }
  std::sort(found.begin(), found.end(), [](const PageExtent& a, const PageExtent& b) {
    return a.pfns.begin != b.pfns.begin ? a.pfns.begin < b.pfns.begin : a.file_offset < b.file_offset;
  });
  std::vector<PageExtent> disjoint;
  uint64_t covered = 0;
  for (PageExtent extent : found) {
    if (extent.pfns.end <= covered) continue;
    if (extent.pfns.begin < covered) {
      extent.file_offset += (covered - extent.pfns.begin) * page_size;
      extent.pfns.begin = covered;
    }
    covered = extent.pfns.end;
    disjoint.push_back(extent);
  }
  return disjoint;
}

// The pages at the edges of segments; may hold whole ones and duplicates.
std::vector<uint64_t> EdgePages(const Vmcore& vmcore) {
  const uint64_t page_size = vmcore.page_size();
  std::vector<uint64_t> pfns;
  for (const ElfSegment& load : vmcore.loads()) {
    const Range bytes = load.physical();
    if (bytes.begin % page_size != 0) pfns.push_back(bytes.begin / page_size);
    if (bytes.end % page_size != 0) pfns.push_back(bytes.end / page_size);
  }
  std::sort(pfns.begin(), pfns.end());
  pfns.erase(std::unique(pfns.begin(), pfns.end()), pfns.end());
  return pfns;
}

const PageExtent* FindExtent(const std::vector<PageExtent>& extents, uint64_t pfn) {
  const auto after =
      std::upper_bound(extents.begin(), extents.end(), pfn,
                       [](uint64_t wanted, const PageExtent& extent) { return wanted < extent.pfns.begin; });
  if (after == extents.begin() || !std::prev(after)->pfns.Contains(pfn)) return nullptr;
  return &*std::prev(after);
}

}  // namespace

PhysicalMemory::PhysicalMemory(const Vmcore& vmcore) : extents_(WholePages(vmcore)) {
  const size_t whole = extents_.size();
  std::vector<PageExtent> pieces;
  for (const uint64_t pfn : EdgePages(vmcore)) {
    if (FindExtent(extents_, pfn) == nullptr) {
      pieces.push_back({.pfns = {pfn, pfn + 1}, .kind = PageExtent::Kind::kPieces});
    }
  }
  extents_.insert(extents_.end(), pieces.begin(), pieces.end());
  std::inplace_merge(extents_.begin(), extents_.begin() + static_cast<ptrdiff_t>(whole), extents_.end(),
                     [](const PageExtent& a, const PageExtent& b) { return a.pfns.begin < b.pfns.begin; });
  for (const PageExtent& extent : extents_) {
    total_pages_ += extent.pfns.size();
    if (!ranges_.empty() && ranges_.back().end == extent.pfns.begin) {
      ranges_.back().end = extent.pfns.end;
    } else {
      ranges_.push_back(extent.pfns);
    }
  }
}

const PageExtent* PhysicalMemory::Find(uint64_t pfn) const { return FindExtent(extents_, pfn); }

}  // namespace crashdump
