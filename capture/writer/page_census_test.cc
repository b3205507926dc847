// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/page_census.h"

#include <gtest/gtest.h>

#include "common/testing/vmcore_builder.h"

namespace crashdump {
namespace {

using testing::VmcoreBuilder;

constexpr uint64_t kSectionPages = PageCensus::kSectionBytes / 4096;

// A vmcore whose headers claim these page frames; nobody reads them.
Vmcore WithMemory(std::initializer_list<Range> ranges) {
  VmcoreBuilder builder;
  for (const Range& range : ranges) {
    builder.AddLoad(
        {.physical = range.begin * 4096, .data = std::vector<uint8_t>(static_cast<size_t>(range.size()) * 4096)});
  }
  return Vmcore::Open(builder.BuildSource()).TakeValue();
}

// Free blocks of a fixed size wherever they fit, the rest the kernel's.
class EveryThirdIsFree final : public PageClassifier {
 public:
  void Classify(Range pfns, OpenBlock& open, std::span<PageClass> classes) override {
    EXPECT_EQ(open.end_pfn, last_end_) << "not where the call before ended";
    for (uint64_t pfn = pfns.begin; pfn < pfns.end; ++pfn) {
      classes[static_cast<size_t>(pfn - pfns.begin)] = pfn % 3 == 0 ? PageClass::kFree : PageClass::kKernel;
    }
    open.end_pfn = last_end_ = pfns.end;
  }
  const std::vector<std::string>& notes() const override { return notes_; }
  std::vector<std::string> Doubts(const PageCounts&) const override { return {}; }
  void StartAt(uint64_t end) { last_end_ = end; }

 private:
  std::vector<std::string> notes_;
  uint64_t last_end_ = 0;
};

TEST(PageCensus, SectionsAreWhatMemoryIsThere) {
  const Vmcore vmcore =
      WithMemory({{16, 20}, {kSectionPages - 2, kSectionPages + 2}, {10 * kSectionPages, 10 * kSectionPages + 1}});
  const PhysicalMemory memory(vmcore);
  PageCensus census(memory, 4096);
  EveryThirdIsFree classifier;
  const std::atomic<bool> stop = false;
  std::vector<uint64_t> progress;
  EXPECT_TRUE(census.Take(classifier, stop, [&](uint64_t done) { progress.push_back(done); }));
  ASSERT_EQ(census.sections().size(), 4U);
  EXPECT_EQ(census.sections()[0].pfns(), (Range{16, 20}));
  EXPECT_EQ(census.sections()[1].pfns(), (Range{kSectionPages - 2, kSectionPages}));
  EXPECT_EQ(census.sections()[2].pfns(), (Range{kSectionPages, kSectionPages + 2}));
  EXPECT_EQ(census.sections()[3].pfns(), (Range{10 * kSectionPages, 10 * kSectionPages + 1}));
  EXPECT_EQ(progress, (std::vector<uint64_t>{4, 6, 8, 9}));
  EXPECT_EQ(SumOf(census.totals()), 9U);
  uint64_t free_pages = 0;
  for (const PageCensus::Section& section : census.sections()) {
    for (uint64_t pfn = section.first_pfn; pfn < section.pfns().end; ++pfn) free_pages += pfn % 3 == 0 ? 1 : 0;
  }
  EXPECT_EQ(CountOf(census.totals(), PageClass::kFree), free_pages);
  // Any section by itself, with its open block.
  for (const size_t i : {3U, 1U, 2U}) {
    const PageCensus::Section& section = census.sections()[i];
    classifier.StartAt(section.open.end_pfn);
    const auto [classes, is_as_counted] = census.Classes(classifier, i);
    EXPECT_TRUE(is_as_counted);
    ASSERT_EQ(classes.size(), section.page_count);
    EXPECT_EQ(classes[0], section.first_pfn % 3 == 0 ? PageClass::kFree : PageClass::kKernel);
  }
}

TEST(PageCensus, AFullSectionCanBeCounted) {
  const Vmcore vmcore = WithMemory({{0, kSectionPages}});
  const PhysicalMemory memory(vmcore);
  PageCensus census(memory, 4096);
  KeepEveryPage classifier;
  const std::atomic<bool> stop = false;
  EXPECT_TRUE(census.Take(classifier, stop, [](uint64_t) {}));
  EXPECT_EQ(CountOf(census.totals(), PageClass::kUnclassified), kSectionPages);
}

TEST(PageCensus, StopsWhenTold) {
  const Vmcore vmcore = WithMemory({{0, 8}});
  const PhysicalMemory memory(vmcore);
  PageCensus census(memory, 4096);
  KeepEveryPage classifier;
  const std::atomic<bool> stop = true;
  EXPECT_FALSE(census.Take(classifier, stop, [](uint64_t) {}));
  EXPECT_EQ(SumOf(census.totals()), 0U);
}

}  // namespace
}  // namespace crashdump
