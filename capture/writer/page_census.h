// SPDX-License-Identifier: GPL-2.0-or-later
// PageCensus: how many pages of which class each section of memory has. It is taken before the first page is written,
// so that what matters most can be written first, without a record of every page.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "common/vmcore/page_class.h"
#include "common/vmcore/physical_memory.h"

namespace crashdump {

// One thread at a time.
class PageCensus {
 public:
  static constexpr uint64_t kSectionBytes = 128 * kMiB;

  // Consecutive page frames that the vmcore holds, within one section of physical memory.
  struct Section {
    uint64_t first_pfn = 0;
    OpenBlock open;  // at first_pfn
    uint32_t page_count = 0;
    std::array<uint16_t, kPageClassCount> counts{};

    Range pfns() const { return {first_pfn, first_pfn + page_count}; }
  };

  // Allocates the sections, 48 bytes each, and room for the classes of one.
  PageCensus(const PhysicalMemory& memory, uint64_t page_bytes);

  // Goes through all of memory once; false if `stop` was set meanwhile. `progress` is told the pages gone through,
  // after each section.
  bool Take(PageClassifier& classifier, const std::atomic<bool>& stop, const std::function<void(uint64_t)>& progress);

  std::span<const Section> sections() const { return sections_; }
  const PageCounts& totals() const { return totals_; }
  // The classes of the pages of sections()[index], valid until the next call, and whether they are those that were
  // counted: a disk or memory that fails may give other struct pages the second time.
  struct Look {
    std::span<const PageClass> classes;
    bool is_as_counted = true;
  };
  Look Classes(PageClassifier& classifier, size_t index);
  // The section has no pages any more, in sections(); totals() stay.
  void Forget(size_t index) { sections_[index].counts = {}; }

 private:
  std::vector<Section> sections_;
  std::vector<PageClass> classes_;
  PageCounts totals_{};
};

}  // namespace crashdump
