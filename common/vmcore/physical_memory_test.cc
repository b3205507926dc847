// SPDX-License-Identifier: GPL-2.0-or-later
// PhysicalMemory: aliases, edges, holes.
#include "common/vmcore/physical_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "common/testing/vmcore_builder.h"

namespace crashdump {
namespace {

using testing::VmcoreBuilder;

constexpr uint64_t kPage = 4096;

std::vector<uint8_t> Data(uint64_t bytes) { return std::vector<uint8_t>(bytes); }

Vmcore Open(const VmcoreBuilder& builder) { return Vmcore::Open(builder.BuildSource()).TakeValue(); }

TEST(PhysicalMemory, TheKernelsTextIsNotCountedTwice) {
  VmcoreBuilder builder;
  builder.AddLoad({.physical = 0x102000, .data = Data(3 * kPage), .virtual_address = 0xffffffff81000000})
      .AddLoad({.physical = 0x100000, .data = Data(16 * kPage), .virtual_address = 0xffff888000100000});
  const PhysicalMemory memory(Open(builder));
  EXPECT_EQ(memory.ranges(), (std::vector<Range>{{0x100, 0x110}}));
  EXPECT_EQ(memory.total_pages(), 16U);
  EXPECT_EQ(memory.end_pfn(), 0x110U);
}

TEST(PhysicalMemory, OverlapsOfEachKind) {
  VmcoreBuilder builder;
  builder.AddLoad({.physical = 10 * kPage, .data = Data(4 * kPage)})
      .AddLoad({.physical = 12 * kPage, .data = Data(4 * kPage)})  // sticks out behind
      .AddLoad({.physical = 10 * kPage, .data = Data(2 * kPage)})  // inside, same begin
      .AddLoad({.physical = 16 * kPage, .data = Data(kPage)})      // touches
      .AddLoad({.physical = 30 * kPage, .data = Data(kPage)});     // apart
  const Vmcore vmcore = Open(builder);
  const PhysicalMemory memory(vmcore);
  EXPECT_EQ(memory.ranges(), (std::vector<Range>{{10, 17}, {30, 31}}));
  EXPECT_EQ(memory.total_pages(), 8U);
  const PageExtent* const tail = memory.Find(15);
  ASSERT_NE(tail, nullptr);
  // From the second segment, at the right place.
  EXPECT_EQ(tail->file_offset + (15 - tail->pfns.begin) * kPage, vmcore.loads()[1].file_offset + 3 * kPage);
  EXPECT_EQ(memory.Find(9), nullptr);
  EXPECT_EQ(memory.Find(17), nullptr);
  EXPECT_EQ(memory.Find(31), nullptr);
}

TEST(PhysicalMemory, PartialPagesBelongToIt) {
  VmcoreBuilder builder;
  builder
      .AddLoad({.physical = 0x1800, .data = Data(2 * kPage)})  // half of 1, all of 2, half of 3
      .AddLoad({.physical = 0x3800, .data = Data(0x800)})      // the other half of 3
      .AddLoad({.physical = 0x9100, .data = Data(16)})         // inside of 9
      .AddLoad({.physical = 0x2000, .data = Data(16)});        // of a page that is whole elsewhere
  const PhysicalMemory memory(Open(builder));
  EXPECT_EQ(memory.ranges(), (std::vector<Range>{{1, 4}, {9, 10}}));
  EXPECT_EQ(memory.total_pages(), 4U);
  EXPECT_EQ(memory.Find(1)->kind, PageExtent::Kind::kPieces);
  EXPECT_EQ(memory.Find(2)->kind, PageExtent::Kind::kWhole);
  EXPECT_EQ(memory.Find(3)->kind, PageExtent::Kind::kPieces);
  EXPECT_EQ(memory.Find(9)->kind, PageExtent::Kind::kPieces);
}

TEST(PhysicalMemory, WhatTheFileDoesNotHoldIsAbsent) {
  VmcoreBuilder builder;
  builder.AddLoad({.physical = 0x1000, .data = Data(kPage), .extra_memory = 4 * kPage});
  EXPECT_EQ(PhysicalMemory(Open(builder)).ranges(), (std::vector<Range>{{1, 2}}));
}

TEST(PhysicalMemory, NoMemory) {
  const PhysicalMemory memory(Open(VmcoreBuilder()));
  EXPECT_TRUE(memory.ranges().empty());
  EXPECT_EQ(memory.end_pfn(), 0U);
  EXPECT_EQ(memory.Find(0), nullptr);
}

TEST(PhysicalMemory, RandomSegmentsAgainstASetOfPages) {
  std::minstd_rand random(7);
  for (int round = 0; round < 300; ++round) {
    VmcoreBuilder builder;
    std::set<uint64_t> expected;
    const unsigned count = static_cast<unsigned>(random() % 6);
    for (unsigned i = 0; i < count; ++i) {
      const uint64_t begin = random() % (20 * kPage) / 512 * 512;
      const uint64_t size = 1 + random() % (6 * kPage) / 512 * 512;
      builder.AddLoad({.physical = begin, .data = Data(size)});
      for (uint64_t pfn = begin / kPage; pfn * kPage < begin + size; ++pfn) expected.insert(pfn);
    }
    const PhysicalMemory memory(Open(builder));
    std::vector<uint64_t> found;
    for (const PageExtent& extent : memory.extents()) {
      for (uint64_t pfn = extent.pfns.begin; pfn < extent.pfns.end; ++pfn) found.push_back(pfn);
    }
    ASSERT_TRUE(std::equal(found.begin(), found.end(), expected.begin(), expected.end())) << round;
    ASSERT_EQ(memory.total_pages(), expected.size());
    uint64_t in_ranges = 0;
    for (const Range& range : memory.ranges()) in_ranges += range.size();
    ASSERT_EQ(in_ranges, expected.size());
  }
}

}  // namespace
}  // namespace crashdump
