// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/pfn_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace crashdump {
namespace {

TEST(PfnSet, NoticesPagesThatComeTwice) {
  PfnSet set;
  EXPECT_TRUE(set.Add(10, 5).ok());
  EXPECT_TRUE(set.Add(15, 1).ok());
  EXPECT_TRUE(set.Add(9, 1).ok());
  const Result<> twice = set.Add(0, 10);
  ASSERT_FALSE(twice.ok());
  EXPECT_EQ(twice.error().code(), ErrorCode::kCorrupt);
  EXPECT_STREQ(twice.error().text(), "page frame 0x9 comes twice");
}

TEST(PfnSet, TakesEnormousRunsInLittleMemory) {
  PfnSet set(16384);
  EXPECT_TRUE(set.Add(1, uint64_t{1} << 51).ok());
  EXPECT_TRUE(set.Add((uint64_t{1} << 51) + 1, 1000).ok());
  EXPECT_FALSE(set.Add(uint64_t{1} << 40, 1).ok());
}

TEST(PfnSet, StopsAtItsLimit) {
  PfnSet set(10'000);
  EXPECT_TRUE(set.Add(0, 1).ok());
  EXPECT_TRUE(set.Add(100'000, 1).ok());
  const Result<> third = set.Add(200'000, 1);
  ASSERT_FALSE(third.ok());
  EXPECT_EQ(third.error().code(), ErrorCode::kUnsupported);
}

// A full block gives its memory back.
TEST(PfnSet, DenseMemoryIsCheap) {
  PfnSet set(10'000);
  for (uint64_t pfn = 0; pfn < uint64_t{10} * 32768; ++pfn) ASSERT_TRUE(set.Add(pfn, 1).ok());
  EXPECT_FALSE(set.Add(uint64_t{5} * 32768, 32768).ok());
}

// Against one flag per page, over ranges that cross blocks in every way.
TEST(PfnSet, AgreesWithPlainFlags) {
  std::minstd_rand generator(7);
  for (int round = 0; round < 30; ++round) {
    PfnSet set;
    std::vector<bool> flags(size_t{40} * 32768);
    for (int i = 0; i < 200; ++i) {
      const uint64_t unit = i % 3 == 0 ? 32768 : 8192;
      const auto first = static_cast<ptrdiff_t>(generator() % 40 * unit / 2);
      const auto count = static_cast<ptrdiff_t>((generator() % 5 + 1) * unit / 4);
      const auto begin = flags.begin() + first;
      const bool overlaps = std::find(begin, begin + count, true) != begin + count;
      ASSERT_EQ(set.Add(static_cast<uint64_t>(first), static_cast<uint64_t>(count)).ok(), !overlaps);
      if (overlaps) break;
      std::fill(begin, begin + count, true);
    }
  }
}

}  // namespace
}  // namespace crashdump
