// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/region.h"

#include <gtest/gtest.h>

#include "common/testing/swap_builder.h"
#include "common/testing/target_builder.h"

namespace crashdump {
namespace {

class RegionTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(InitializeCrypto().ok()); }
};

TEST_F(RegionTest, PlacesCoverTheRegionWithoutGapOrOverlap) {
  const Region region = Region::Create({kGiB, kGiB + 100 * kMiB}).TakeValue();
  EXPECT_EQ(region.start_stamp(), (Range{0, 4096}));
  EXPECT_EQ(region.data().begin, region.start_stamp().end);
  EXPECT_EQ(region.slots().begin, region.data().end);
  EXPECT_EQ(region.end_stamp().begin, region.slots().end);
  EXPECT_EQ(region.zero_tail().begin, region.end_stamp().end);
  EXPECT_EQ(region.zero_tail(), (Range{98 * kMiB, 100 * kMiB}));
  EXPECT_EQ(region.slots().size(), 8 * kMiB);
  EXPECT_EQ(region.DeviceOffset(region.zero_tail().end), kGiB + 100 * kMiB);
  uint64_t end = region.slots().begin;
  for (unsigned slot = 0; slot < kSlotCount; ++slot) {
    EXPECT_EQ(region.Slot(slot).begin, end);
    const AttemptPlaces first = region.Places(slot, 1);
    const AttemptPlaces second = region.Places(slot, 2);
    for (const Range& place :
         {first.header, second.header, first.trailer, second.trailer, first.messages, second.messages}) {
      EXPECT_EQ(place.begin, end);
      end = place.end;
    }
    EXPECT_EQ(first.header.size(), 4096U);
    EXPECT_EQ(first.messages.size(), 504 * kKiB);
    EXPECT_EQ(region.Slot(slot).end, end);
  }
}

TEST_F(RegionTest, RefusesImpossibleBounds) {
  EXPECT_FALSE(Region::Create({kMiB, 65 * kMiB - 4096}).ok());
  EXPECT_FALSE(Region::Create({kMiB + 512, 65 * kMiB + 512}).ok());
  EXPECT_FALSE(Region::Create({kMiB, 70 * kMiB + 512}).ok());
  EXPECT_FALSE(Region::Create({0, UINT64_MAX & ~uint64_t{4095}}).ok());
  EXPECT_FALSE(Region::Create({2 * kGiB, kGiB}).ok());
  EXPECT_TRUE(Region::Create({kMiB, 65 * kMiB}).ok());
}

TEST_F(RegionTest, SizesItselfByMemoryAndSwap) {
  EXPECT_EQ(ChooseRegionSize({}, 16 * kGiB, 64 * kGiB).value(), 2 * kGiB);
  EXPECT_EQ(ChooseRegionSize({}, kGiB, 64 * kGiB).value(), 256 * kMiB);
  EXPECT_EQ(ChooseRegionSize({}, kGiB, 512 * kMiB).value(), 256 * kMiB);
  EXPECT_EQ(ChooseRegionSize({}, 1024 * kGiB, 64 * kGiB).value(), 16 * kGiB);
  EXPECT_EQ(ChooseRegionSize({}, 64 * kGiB, 4 * kGiB).value(), 2 * kGiB);
  EXPECT_EQ(ChooseRegionSize({}, 16 * kGiB, 512 * kMiB - 1).error().code(), ErrorCode::kRefused);
  EXPECT_EQ(ChooseRegionSize(64 * kMiB, kGiB, 128 * kMiB).value(), 64 * kMiB);
  EXPECT_EQ(ChooseRegionSize(64 * kMiB - 1, kGiB, kGiB).error().code(), ErrorCode::kRefused);
  EXPECT_EQ(ChooseRegionSize(127 * kMiB, kGiB, 128 * kMiB).value(), 127 * kMiB);
  EXPECT_EQ(ChooseRegionSize(127 * kMiB + 1, kGiB, 128 * kMiB).error().code(), ErrorCode::kRefused);
  EXPECT_EQ(ChooseRegionSize(UINT64_MAX, kGiB, UINT64_MAX).error().code(), ErrorCode::kRefused);
}

TEST_F(RegionTest, PlanEndsWhereTheSwapEnded) {
  for (const uint32_t page_size : {4096U, 65536U}) {
    SwapHeader header;
    header.page_size = page_size;
    header.last_page = static_cast<uint32_t>(kGiB / page_size);  // one page more than a GiB
    const Stamp stamp = PlanRegion(header, 100 * kMiB + 1).TakeValue();
    EXPECT_EQ(stamp.region.end, header.end());
    EXPECT_GE(stamp.region.size(), 100 * kMiB + 1);
    EXPECT_LT(stamp.region.size(), 100 * kMiB + 1 + page_size);
    EXPECT_EQ(stamp.original_last_page, header.last_page);
    EXPECT_EQ((uint64_t{LoweredLastPage(stamp)} + 1) * page_size, stamp.region.begin);
    EXPECT_NE(stamp.region_id, PlanRegion(header, 100 * kMiB).value().region_id);
    EXPECT_FALSE(PlanRegion(header, kGiB).ok());
    EXPECT_FALSE(PlanRegion(header, 2 * kGiB).ok());
  }
}

TEST_F(RegionTest, WritesStampsAndTailOnlyAndFlushes) {
  FakeBlockDevice device(160 * kMiB);
  SwapBuilder().WriteTo(device);
  device.FillRandom({160 * kMiB - 3 * kMiB, 160 * kMiB}, 2);
  const SwapHeader header = ReadSwapHeader(device, 4096).TakeValue();
  const Stamp stamp = PlanRegion(header, 64 * kMiB).TakeValue();
  const Region region = Region::Create(stamp.region).TakeValue();
  const SparseImage before = device.Snapshot();
  ASSERT_TRUE(WriteRegion(device, stamp).ok());
  EXPECT_EQ(device.unflushed_writes(), 0U);
  const auto on_device = [&region](const Range& range) {
    return Range{region.DeviceOffset(range.begin), region.DeviceOffset(range.end)};
  };
  EXPECT_EQ(before.FirstDifference(
                device.Snapshot(), device.size(),
                {on_device(region.start_stamp()), on_device(region.end_stamp()), on_device(region.zero_tail())}),
            device.size());
  EXPECT_TRUE(AllZero(device.Peek(158 * kMiB, 2 * kMiB)));
  EXPECT_TRUE(CheckStamps(device, stamp).ok());
  EXPECT_EQ(ReadStamps(device, header).error().code(), ErrorCode::kNotFound) << "the header is not lowered yet";
  ASSERT_TRUE(WriteLastPage(device, header.last_page, LoweredLastPage(stamp)).ok());
  const SwapHeader lowered = ReadSwapHeader(device, 4096).TakeValue();
  EXPECT_EQ(ReadStamps(device, lowered).value(), stamp);
  ASSERT_TRUE(EraseStamps(device, stamp).ok());
  EXPECT_EQ(device.unflushed_writes(), 0U);
  EXPECT_EQ(ReadStamps(device, lowered).error().code(), ErrorCode::kNotFound);
}

TEST_F(RegionTest, FailureOfAnyWriteOrFlushIsReported) {
  FakeBlockDevice counted(160 * kMiB);
  SwapBuilder().WriteTo(counted);
  const Stamp stamp = PlanRegion(ReadSwapHeader(counted, 4096).value(), 64 * kMiB).TakeValue();
  ASSERT_TRUE(WriteRegion(counted, stamp).ok());
  const uint64_t writes = counted.CountOf(FakeBlockDevice::Kind::kWrite);
  for (uint64_t n = 0; n < writes; ++n) {
    FakeBlockDevice device(160 * kMiB);
    device.FailAt(FakeBlockDevice::Kind::kWrite, n, FakeBlockDevice::Fault::kShort);
    EXPECT_FALSE(WriteRegion(device, stamp).ok());
  }
  counted.FailAt(FakeBlockDevice::Kind::kFlush, 0, FakeBlockDevice::Fault::kError);
  EXPECT_FALSE(WriteRegion(counted, stamp).ok());
}

TEST_F(RegionTest, NamesTheStampThatIsNotTheStoredOne) {
  const BuiltTarget built = TargetBuilder().Build();
  const Region region = built.region();
  EXPECT_TRUE(CheckStamps(*built.device, built.stamp).ok());
  const struct {
    Range place;
    const char* name;
  } stamps[] = {{region.start_stamp(), "start stamp"}, {region.end_stamp(), "end stamp"}};
  for (const auto& [place, name] : stamps) {
    // In a place that no field uses.
    const uint64_t offset = region.DeviceOffset(place.begin) + 3000;
    const std::vector<uint8_t> flipped = {1};
    const std::vector<uint8_t> zero = {0};
    built.device->Poke(offset, flipped);
    const Result<> refused = CheckStamps(*built.device, built.stamp);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), ErrorCode::kRefused);
    EXPECT_NE(std::string(refused.error().text()).find(name), std::string::npos);
    EXPECT_FALSE(ReadStamps(*built.device, ReadSwapHeader(*built.device, 4096).value()).ok());
    built.device->Poke(offset, zero);
  }
  Stamp other = built.stamp;
  other.region_id[0] ^= 1;
  EXPECT_FALSE(CheckStamps(*built.device, other).ok());
  built.device->Poke(region.DeviceOffset(region.end_stamp().begin), EncodeStamp(other, StampKind::kEnd));
  EXPECT_EQ(ReadStamps(*built.device, ReadSwapHeader(*built.device, 4096).value()).error().code(), ErrorCode::kCorrupt);
}

TEST_F(RegionTest, ControlHashesNoticeEachBlockAndNothingElse) {
  const BuiltTarget built = TargetBuilder().Build();
  const Region region = built.region();
  const ControlHashes before = HashControlBlocks(*built.device, region).TakeValue();
  for (unsigned slot = 0; slot < kSlotCount; ++slot) {
    for (unsigned attempt = 1; attempt <= kAttempts; ++attempt) {
      const AttemptPlaces places = region.Places(slot, attempt);
      for (const uint64_t offset :
           {places.header.begin, places.header.end - 1, places.trailer.begin + 9, places.trailer.end - 1}) {
        const std::vector<uint8_t> old = built.device->Peek(region.DeviceOffset(offset), 1);
        const std::vector<uint8_t> changed = {static_cast<uint8_t>(old[0] ^ 0x10)};
        built.device->Poke(region.DeviceOffset(offset), changed);
        ControlHashes after = HashControlBlocks(*built.device, region).TakeValue();
        EXPECT_NE(after.at(slot).at(attempt - 1), before.at(slot).at(attempt - 1));
        after.at(slot).at(attempt - 1) = before.at(slot).at(attempt - 1);
        EXPECT_EQ(after, before);
        built.device->Poke(region.DeviceOffset(offset), old);
      }
    }
  }
  const std::vector<uint8_t> byte = {0x77};
  built.device->Poke(region.DeviceOffset(region.Places(0, 1).messages.begin), byte);
  built.device->Poke(region.DeviceOffset(region.data().begin), byte);
  EXPECT_EQ(HashControlBlocks(*built.device, region).value(), before);
  built.device->FailReadsIn({region.DeviceOffset(region.Places(7, 2).trailer.begin), region.device_range().end});
  EXPECT_FALSE(HashControlBlocks(*built.device, region).ok());
}

}  // namespace
}  // namespace crashdump
