// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/dump_layout.h"

#include <gtest/gtest.h>

namespace crashdump {
namespace {

constexpr uint64_t kSlot = 64 * kMiB;
constexpr Range kExtent{4 * kKiB, 64 * kMiB};

TEST(DumpLayout, SlotHoldsBothAttempts) {
  const DumpLayout first = RegionSlotLayout(kSlot, kExtent, 1);
  EXPECT_EQ(first.header, kSlot);
  EXPECT_EQ(first.trailer, kSlot + 8192);
  EXPECT_EQ(first.messages, (Range{kSlot + 16 * kKiB, kSlot + 520 * kKiB}));
  EXPECT_EQ(first.data, kExtent);
  const DumpLayout second = RegionSlotLayout(kSlot, kExtent, 2);
  EXPECT_EQ(second.header, kSlot + 4096);
  EXPECT_EQ(second.trailer, kSlot + 12288);
  EXPECT_EQ(second.messages, (Range{kSlot + 520 * kKiB, kSlot + 1 * kMiB}));
  EXPECT_EQ(second.data, (Range{kExtent.begin, kExtent.begin}));
}

// No byte of the slot belongs to both attempts, and nothing lies outside the slot.
TEST(DumpLayout, AttemptsAreApart) {
  const DumpLayout first = RegionSlotLayout(kSlot, kExtent, 1);
  const DumpLayout second = RegionSlotLayout(kSlot, kExtent, 2);
  const Range slot{kSlot, kSlot + kSlotBytes};
  std::vector<Range> places;
  for (const DumpLayout& layout : {first, second}) {
    EXPECT_TRUE(CheckLayout(layout).ok());
    places.push_back({layout.header, layout.header + kDiskUnit});
    places.push_back({layout.trailer, layout.trailer + kDiskUnit});
    places.push_back(layout.messages);
  }
  for (size_t i = 0; i < places.size(); ++i) {
    EXPECT_TRUE(slot.Contains(places[i]));
    for (size_t j = 0; j < i; ++j) EXPECT_FALSE(places[i].Overlaps(places[j])) << i << ' ' << j;
  }
}

TEST(DumpLayout, FileRoundsMessagesUp) {
  const DumpLayout layout = FileLayout(1);
  EXPECT_EQ(layout.header, 0U);
  EXPECT_EQ(layout.trailer, 4096U);
  EXPECT_EQ(layout.messages, (Range{8192, 12288}));
  EXPECT_EQ(layout.data, (Range{12288, kUnboundedEnd}));
  EXPECT_TRUE(CheckLayout(layout).ok());
  EXPECT_TRUE(CheckLayout(FileLayout(0)).ok());
}

TEST(DumpLayout, RefusesImpossiblePlaces) {
  const DumpLayout good = FileLayout(4096);
  ASSERT_TRUE(CheckLayout(good).ok());
  const auto refused = [&](auto change) {
    DumpLayout layout = good;
    change(layout);
    return !CheckLayout(layout).ok();
  };
  EXPECT_TRUE(refused([](DumpLayout& layout) { layout.header = 64; }));
  EXPECT_TRUE(refused([](DumpLayout& layout) { layout.trailer = 0; }));
  EXPECT_TRUE(refused([](DumpLayout& layout) { layout.messages.begin = 4096; }));
  EXPECT_TRUE(refused([](DumpLayout& layout) { layout.messages = {12288, 8192}; }));
  EXPECT_TRUE(refused([](DumpLayout& layout) { layout.messages.end += 4096; }));
  EXPECT_TRUE(refused([](DumpLayout& layout) { layout.data.end = kUnboundedEnd + 4096; }));
  EXPECT_TRUE(refused([](DumpLayout& layout) { layout.data.begin = 0; }));
  EXPECT_TRUE(refused([](DumpLayout& layout) { layout.header = ~uint64_t{4095}; }));
}

}  // namespace
}  // namespace crashdump
