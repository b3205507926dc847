// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/page_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace crashdump {
namespace {

IndexEntry Entry(uint64_t offset, uint64_t first_pfn, uint64_t end_pfn) {
  return {.offset = offset, .first_pfn = first_pfn, .end_pfn = end_pfn, .data_pages = 1, .stored_length = 100};
}

TEST(PageIndex, FindsEveryChunkThatCoversAPage) {
  std::minstd_rand generator(3);
  PageIndex index;
  std::vector<IndexEntry> entries;
  for (uint64_t i = 1; i <= 300; ++i) {
    const uint64_t first = generator() % 1000;
    entries.push_back(Entry(i * 64, first, first + 1 + generator() % (i % 10 == 0 ? 800 : 20)));
    index.Add(entries.back());
  }
  index.Prepare();
  std::vector<uint64_t> found;
  for (uint64_t pfn = 0; pfn < 2000; ++pfn) {
    std::vector<uint64_t> expected;
    for (const IndexEntry& entry : entries) {
      if (pfn >= entry.first_pfn && pfn < entry.end_pfn) expected.push_back(entry.offset);
    }
    index.Find(pfn, found);
    std::sort(found.begin(), found.end());
    ASSERT_EQ(found, expected) << pfn;
  }
  EXPECT_EQ(index.end_pfn(), std::max_element(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
                               return a.end_pfn < b.end_pfn;
                             })->end_pfn);
}

TEST(PageIndex, EmptyFindsNothing) {
  PageIndex index;
  index.Prepare();
  std::vector<uint64_t> found;
  index.Find(0, found);
  EXPECT_TRUE(found.empty());
  EXPECT_EQ(index.end_pfn(), 0U);
}

std::vector<uint8_t> Segment(uint64_t previous, uint32_t count, const std::vector<IndexEntry>& entries) {
  const IndexPrefix prefix{.previous_offset = previous, .entry_count = count, .reserved = 0};
  std::vector<uint8_t> payload(BytesOf(prefix).begin(), BytesOf(prefix).end());
  for (const IndexEntry& entry : entries) payload.insert(payload.end(), BytesOf(entry).begin(), BytesOf(entry).end());
  return payload;
}

TEST(ParseIndexSegment, ChecksItsFacts) {
  constexpr uint64_t kBegin = 4096;
  constexpr uint64_t kSegment = 65536;
  const auto accepted = [](const std::vector<uint8_t>& payload) {
    return ParseIndexSegment(payload, kBegin, kSegment).ok();
  };
  const IndexEntry good = Entry(4096, 1, 2);
  EXPECT_TRUE(accepted(Segment(0, 1, {good})));
  EXPECT_TRUE(accepted(Segment(8192, 2, {good, good})));
  EXPECT_FALSE(accepted(Segment(0, 0, {})));
  EXPECT_FALSE(accepted(Segment(0, 2, {good})));
  EXPECT_FALSE(accepted(Segment(0, 1, {good, good})));
  EXPECT_FALSE(accepted(Segment(kSegment, 1, {good})));
  EXPECT_FALSE(accepted(Segment(64, 1, {good})));
  EXPECT_FALSE(accepted(Segment(0, 1, {Entry(64, 1, 2)})));
  EXPECT_FALSE(accepted(Segment(0, 1, {Entry(kSegment, 1, 2)})));
  EXPECT_FALSE(accepted(Segment(0, 1, {Entry(4096, 2, 2)})));
  EXPECT_FALSE(accepted(Segment(0, 1, {Entry(4096, 1, kPfnLimit + 1)})));
  EXPECT_FALSE(accepted(Segment(0, kIndexMaxEntries + 1, std::vector<IndexEntry>(kIndexMaxEntries + 1, good))));
  EXPECT_FALSE(accepted({}));
}

}  // namespace
}  // namespace crashdump
