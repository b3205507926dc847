// SPDX-License-Identifier: GPL-2.0-or-later
// Occupancy: what dumps take up, what counts as taken for lack of knowledge, and what is left.
#include "loader/occupancy.h"

#include <gtest/gtest.h>

#include "common/base/range_source.h"
#include "common/testing/dump_builder.h"
#include "common/testing/target_builder.h"
#include "loader/fake_region_sink.h"

namespace crashdump {
namespace {

class OccupancyTest : public testing::Test {
 protected:
  OccupancyTest() {
    InitializeCrypto().TakeValue();
    target_ = TargetBuilder().Build();
  }

  // A record for the slot, with its dump of `data_pages` on the disk unless that is 0.
  KeyRecord& Add(unsigned slot, Range extent, uint32_t data_pages, uint32_t attempt = 1) {
    const Region region = target_.region();
    KeyRecord record;
    record.credentials = TestCredentials(static_cast<uint8_t>(slot + 1));
    record.credentials.region_id = target_.stamp.region_id;
    record.slot_index = slot;
    record.slot_offset = region.Slot(slot).begin;
    record.extent = extent;
    if (data_pages > 0) {
      DumpPlan plan = RegionPlan(data_pages, extent.size(), attempt);
      plan.credentials = record.credentials.Copy();
      plan.parameters.layout = record.Layout(attempt);
      if (attempt == 2) plan.pages.clear();
      FakeRegionSink sink(*target_.device, target_.stamp.region.begin);
      WriteDump(plan, sink).TakeValue();
      attempt_id_ = plan.parameters.attempt_id;
    }
    records_.push_back(std::move(record));
    return records_.back();
  }
  Occupancy Compute(std::chrono::milliseconds limit = kWalkLimit) const {
    return ComputeOccupancy(RangeSource(*target_.device, target_.stamp.region), target_.region(),
                            target_.stamp.region_id, records_, limit);
  }
  Range Data() const { return target_.region().data(); }

  BuiltTarget target_;
  std::vector<KeyRecord> records_;
  DumpId attempt_id_{};
};

TEST_F(OccupancyTest, AnEmptyRegionIsFree) {
  const Occupancy occupancy = Compute();
  EXPECT_EQ(FreeSlot(occupancy), 0u);
  EXPECT_EQ(LargestFreeExtent(target_.region(), occupancy), Data());
}

TEST_F(OccupancyTest, WhatIsKeptForSealedKeysIsOccupiedWithoutADump) {
  const Range kept{Data().end - kMiB, Data().end};
  Add(0, kept, 0).credentials.kind = KeyKind::kSealed;
  const Occupancy occupancy = Compute();
  EXPECT_EQ(FreeSlot(occupancy), 1u);
  EXPECT_EQ(LargestFreeExtent(target_.region(), occupancy), (Range{Data().begin, kept.begin}));
}

TEST_F(OccupancyTest, AnArmingThatNeverCrashedOccupiesNothing) {
  Add(0, Data(), 0);
  const Occupancy occupancy = Compute();
  EXPECT_EQ(FreeSlot(occupancy), 0u);
  EXPECT_EQ(LargestFreeExtent(target_.region(), occupancy), Data());
}

TEST_F(OccupancyTest, ACompleteDumpOccupiesItsSlotAndItsDataUpToItsEnd) {
  Add(0, Data(), 300);
  const Occupancy occupancy = Compute();
  EXPECT_EQ(FreeSlot(occupancy), 1u);
  const Range free = LargestFreeExtent(target_.region(), occupancy);
  EXPECT_EQ(free.end, Data().end);
  EXPECT_GT(free.begin, Data().begin + 100 * kKiB);
  EXPECT_LT(free.begin, Data().begin + 4 * kMiB);
  EXPECT_TRUE(IsAligned(free.begin, kDiskUnit));
}

TEST_F(OccupancyTest, ATornDumpOccupiesUpToTheTear) {
  Add(0, Data(), 300);
  const Range whole = LargestFreeExtent(target_.region(), Compute());
  const AttemptPlaces places = target_.region().Places(0, 1);
  target_.device->Poke(target_.stamp.region.begin + places.trailer.begin, std::vector<uint8_t>(4096, 0));
  const Range torn = LargestFreeExtent(target_.region(), Compute());
  EXPECT_LE(torn.begin, whole.begin);
  EXPECT_GT(torn.begin, Data().begin);
}

TEST_F(OccupancyTest, ARecoveredDumpIsFree) {
  Add(0, Data(), 300).recovered.push_back(DumpId{});
  records_[0].recovered[0] = attempt_id_;
  const Occupancy occupancy = Compute();
  EXPECT_EQ(FreeSlot(occupancy), 0u);
  EXPECT_EQ(LargestFreeExtent(target_.region(), occupancy), Data());
}

TEST_F(OccupancyTest, ADumpOfAttemptTwoOccupiesTheSlotOnly) {
  Add(0, Data(), 1, 2);
  const Occupancy occupancy = Compute();
  EXPECT_EQ(FreeSlot(occupancy), 1u);
  EXPECT_EQ(LargestFreeExtent(target_.region(), occupancy), Data());
}

TEST_F(OccupancyTest, AnUnreadableHeaderOccupiesSlotAndWholeExtent) {
  const Range extent{Data().begin, Data().begin + 4 * kMiB};
  Add(0, extent, 0);
  const uint64_t slot = target_.stamp.region.begin + target_.region().Slot(0).begin;
  target_.device->FailReadsIn({slot, slot + 4096});
  const Occupancy occupancy = Compute();
  EXPECT_EQ(FreeSlot(occupancy), 1u);
  EXPECT_EQ(LargestFreeExtent(target_.region(), occupancy), (Range{extent.end, Data().end}));
}

TEST_F(OccupancyTest, AWalkThatCannotReadOccupiesTheWholeExtent) {
  const Range extent{Data().begin, Data().begin + 8 * kMiB};
  Add(0, extent, 300);
  const uint64_t begin = target_.stamp.region.begin;
  target_.device->Poke(begin + target_.region().Places(0, 1).trailer.begin, std::vector<uint8_t>(4096, 0));
  target_.device->FailReadsIn({begin + extent.begin + 64 * kKiB, begin + extent.begin + 68 * kKiB});
  EXPECT_EQ(LargestFreeExtent(target_.region(), Compute()), (Range{extent.end, Data().end}));
}

TEST_F(OccupancyTest, AWalkThatTakesTooLongOccupiesTheWholeExtent) {
  const Range extent{Data().begin, Data().begin + 8 * kMiB};
  Add(0, extent, 300);
  const uint64_t begin = target_.stamp.region.begin;
  target_.device->Poke(begin + target_.region().Places(0, 1).trailer.begin, std::vector<uint8_t>(4096, 0));
  EXPECT_EQ(LargestFreeExtent(target_.region(), Compute(std::chrono::milliseconds(0))),
            (Range{extent.end, Data().end}));
}

TEST_F(OccupancyTest, RecordsOfOtherRegionsOccupyNothing) {
  Add(0, Data(), 300).credentials.region_id[0] ^= 1;
  EXPECT_EQ(LargestFreeExtent(target_.region(), Compute()), Data());
}

TEST_F(OccupancyTest, TheLargestGapIsTaken) {
  Occupancy occupancy;
  const uint64_t begin = Data().begin;
  occupancy.data = {
      {begin + 20 * kMiB, begin + 24 * kMiB}, {begin, begin + 2 * kMiB}, {begin + kMiB, begin + 3 * kMiB}};
  EXPECT_EQ(LargestFreeExtent(target_.region(), occupancy), (Range{begin + 24 * kMiB, Data().end}));
  occupancy.data.push_back({begin + 30 * kMiB, Data().end});
  EXPECT_EQ(LargestFreeExtent(target_.region(), occupancy), (Range{begin + 3 * kMiB, begin + 20 * kMiB}));
}

TEST_F(OccupancyTest, AGapThatIsTooSmallIsNone) {
  Occupancy occupancy;
  occupancy.data = {{Data().begin, Data().end - kSmallestExtent + 1}};
  EXPECT_TRUE(LargestFreeExtent(target_.region(), occupancy).empty());
  occupancy.data = {{Data().begin, Data().end - kSmallestExtent}};
  EXPECT_EQ(LargestFreeExtent(target_.region(), occupancy).size(), kSmallestExtent);
}

TEST_F(OccupancyTest, EightSlotsAreAllThereAre) {
  Occupancy occupancy;
  occupancy.slots.fill(true);
  EXPECT_EQ(FreeSlot(occupancy), std::nullopt);
  occupancy.slots[7] = false;
  EXPECT_EQ(FreeSlot(occupancy), 7u);
}

}  // namespace
}  // namespace crashdump
