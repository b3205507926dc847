// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/page_census.h"

#include <algorithm>

namespace crashdump {
namespace {

decltype(PageCensus::Section::counts) Count(std::span<const PageClass> classes) {
  decltype(PageCensus::Section::counts) counts{};
  for (const PageClass page_class : classes) ++counts[static_cast<size_t>(page_class)];
  return counts;
}

}  // namespace

PageCensus::PageCensus(const PhysicalMemory& memory, uint64_t page_bytes) {
  const uint64_t section_pages = kSectionBytes / page_bytes;
  // A count of all of a section's pages must fit.
  Require(section_pages != 0 && section_pages <= UINT16_MAX);
  for (const Range& range : memory.ranges()) {
    for (uint64_t begin = range.begin; begin < range.end;) {
      const uint64_t end = std::min(range.end, AlignDown(begin, section_pages) + section_pages);
      sections_.push_back({.first_pfn = begin, .page_count = static_cast<uint32_t>(end - begin)});
      begin = end;
    }
  }
  sections_.shrink_to_fit();
  classes_.resize(static_cast<size_t>(section_pages));
}

bool PageCensus::Take(PageClassifier& classifier, const std::atomic<bool>& stop,
                      const std::function<void(uint64_t)>& progress) {
  OpenBlock open;
  uint64_t done = 0;
  for (Section& section : sections_) {
    if (stop.load(std::memory_order_relaxed)) return false;
    section.open = open;
    const std::span<PageClass> classes = std::span(classes_).first(section.page_count);
    classifier.Classify(section.pfns(), open, classes);
    section.counts = Count(classes);
    for (size_t i = 0; i < totals_.size(); ++i) totals_[i] += section.counts[i];
    done += section.page_count;
    progress(done);
  }
  return true;
}

PageCensus::Look PageCensus::Classes(PageClassifier& classifier, size_t index) {
  const Section& section = sections_[index];
  const std::span<PageClass> classes = std::span(classes_).first(section.page_count);
  OpenBlock open = section.open;
  classifier.Classify(section.pfns(), open, classes);
  return {.classes = classes, .is_as_counted = Count(classes) == section.counts};
}

}  // namespace crashdump
