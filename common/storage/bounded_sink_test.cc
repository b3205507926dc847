// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/bounded_sink.h"

#include <gtest/gtest.h>

#include "common/testing/target_builder.h"

namespace crashdump {
namespace {

class BoundedSinkTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(InitializeCrypto().ok());
    built_ = TargetBuilder().Build();
    built_.description.slot = 3;
    built_.description.extents[0].range = {kMiB, 3 * kMiB};
  }

  BoundedSink Sink(unsigned attempt) {
    return BoundedSink::Create(*built_.device, built_.description, attempt).TakeValue();
  }
  static ErrorCode CodeOf(const Result<>& result) {
    EXPECT_FALSE(result.ok());
    return result.error().code();
  }
  uint64_t Writes() const { return built_.device->CountOf(FakeBlockDevice::Kind::kWrite); }

  const std::vector<uint8_t> block_ = std::vector<uint8_t>(kDiskUnit, 0xab);
  const std::vector<uint8_t> two_blocks_ = std::vector<uint8_t>(2 * kDiskUnit, 0xcd);
  BuiltTarget built_;
};

TEST_F(BoundedSinkTest, WritesThePlacesOfItsAttemptOnly) {
  const Region region = built_.region();
  for (const unsigned attempt : {1U, 2U}) {
    BoundedSink sink = Sink(attempt);
    const AttemptPlaces own = region.Places(3, attempt);
    const AttemptPlaces other = region.Places(3, 3 - attempt);
    for (const Range& place : {own.header, own.trailer, own.messages}) {
      EXPECT_TRUE(sink.WriteAt(place.begin, block_).ok());
      EXPECT_TRUE(Equal(built_.device->Peek(region.DeviceOffset(place.begin), kDiskUnit), block_));
    }
    const uint64_t writes = Writes();
    for (const Range& place : {other.header, other.trailer, other.messages, region.Slot(2), region.Slot(4),
                               region.start_stamp(), region.end_stamp(), region.zero_tail()}) {
      EXPECT_EQ(CodeOf(sink.WriteAt(place.begin, block_)), ErrorCode::kRefused);
    }
    EXPECT_EQ(sink.WriteAt(kMiB, block_).ok(), attempt == 1) << "pages belong to the first attempt";
    EXPECT_EQ(Writes(), writes + (attempt == 1 ? 1 : 0));
  }
}

TEST_F(BoundedSinkTest, RefusesEveryBlockOutside) {
  BoundedSink sink = Sink(1);
  const Region region = built_.region();
  const AttemptPlaces own = region.Places(3, 1);
  const std::vector<Range> allowed = {own.header, own.trailer, own.messages, {kMiB, 3 * kMiB}};
  const SparseImage before = built_.device->Snapshot();
  for (uint64_t offset = 0; offset < region.size() + 16 * kDiskUnit; offset += kDiskUnit) {
    const bool inside =
        std::any_of(allowed.begin(), allowed.end(), [offset](const Range& range) { return range.Contains(offset); });
    EXPECT_EQ(sink.WriteAt(offset, block_).ok(), inside) << offset;
  }
  std::vector<Range> on_device;
  on_device.reserve(allowed.size());
  for (const Range& range : allowed) {
    on_device.push_back({region.DeviceOffset(range.begin), region.DeviceOffset(range.end)});
  }
  EXPECT_EQ(before.FirstDifference(built_.device->Snapshot(), built_.device->size(), on_device), built_.device->size());
}

TEST_F(BoundedSinkTest, RefusesWritesThatReachOverAnEdge) {
  BoundedSink sink = Sink(1);
  const AttemptPlaces own = built_.region().Places(3, 1);
  EXPECT_EQ(CodeOf(sink.WriteAt(kMiB - kDiskUnit, two_blocks_)), ErrorCode::kRefused);
  EXPECT_EQ(CodeOf(sink.WriteAt(3 * kMiB - kDiskUnit, two_blocks_)), ErrorCode::kRefused);
  EXPECT_EQ(CodeOf(sink.WriteAt(own.header.begin, two_blocks_)), ErrorCode::kRefused);
  EXPECT_EQ(CodeOf(sink.WriteAt(own.messages.end - kDiskUnit, two_blocks_)), ErrorCode::kRefused);
  EXPECT_EQ(CodeOf(sink.WriteAt(UINT64_MAX - kDiskUnit + 1, block_)), ErrorCode::kRefused);
  EXPECT_EQ(CodeOf(sink.WriteAt(UINT64_MAX - kDiskUnit + 1, two_blocks_)), ErrorCode::kRefused);
  EXPECT_EQ(CodeOf(sink.WriteAt(kMiB + 512, block_)), ErrorCode::kRefused);
  EXPECT_EQ(CodeOf(sink.WriteAt(kMiB, Bytes(block_).first(512))), ErrorCode::kRefused);
  EXPECT_EQ(CodeOf(sink.WriteAt(kMiB, {})), ErrorCode::kRefused);
  EXPECT_TRUE(built_.device->Log().empty());
}

TEST_F(BoundedSinkTest, WritesNoBlockTwiceEvenAfterAFailure) {
  BoundedSink sink = Sink(1);
  EXPECT_TRUE(sink.WriteAt(kMiB, two_blocks_).ok());
  EXPECT_EQ(CodeOf(sink.WriteAt(kMiB, block_)), ErrorCode::kRefused);
  EXPECT_EQ(CodeOf(sink.WriteAt(kMiB + kDiskUnit, two_blocks_)), ErrorCode::kRefused);
  built_.device->FailAt(FakeBlockDevice::Kind::kWrite, 0, FakeBlockDevice::Fault::kShort);
  EXPECT_EQ(CodeOf(sink.WriteAt(kMiB + 2 * kDiskUnit, block_)), ErrorCode::kOs);
  EXPECT_EQ(CodeOf(sink.WriteAt(kMiB + 2 * kDiskUnit, block_)), ErrorCode::kRefused);
  EXPECT_TRUE(sink.WriteAt(kMiB + 3 * kDiskUnit, block_).ok());
  EXPECT_TRUE(sink.Flush().ok());
  EXPECT_EQ(built_.device->unflushed_writes(), 0U);
  EXPECT_EQ(Writes(), 3U);
}

TEST_F(BoundedSinkTest, AnArmingWithoutAnExtentWritesMessagesOnly) {
  built_.description.extents[0].range = {kMiB, kMiB};
  BoundedSink sink = Sink(1);
  EXPECT_EQ(CodeOf(sink.WriteAt(kMiB, block_)), ErrorCode::kRefused);
  EXPECT_TRUE(sink.WriteAt(built_.region().Places(3, 1).messages.begin, two_blocks_).ok());
}

TEST_F(BoundedSinkTest, RefusesADescriptionThatPointsElsewhere) {
  const TargetDescription good = built_.description;
  const Region region = built_.region();
  const auto refused = [this](const TargetDescription& description, unsigned attempt = 1) {
    const Result<BoundedSink> sink = BoundedSink::Create(*built_.device, description, attempt);
    return !sink.ok() && sink.error().code() == ErrorCode::kInvalidArgument;
  };
  EXPECT_FALSE(refused(good));
  EXPECT_TRUE(refused(good, 0));
  EXPECT_TRUE(refused(good, 3));
  for (const Range& extent : {Range{0, kMiB}, Range{4096, region.slots().begin + 4096}, Range{4097, kMiB + 1},
                              Range{2 * kMiB, kMiB}, Range{4096, UINT64_MAX & ~uint64_t{4095}}}) {
    TargetDescription wrong = good;
    wrong.extents[0].range = extent;
    EXPECT_TRUE(refused(wrong));
  }
  TargetDescription slot = good;
  slot.slot = 8;
  EXPECT_TRUE(refused(slot));
  TargetDescription beyond = good;
  beyond.devices[0].region.end += kMiB;
  EXPECT_TRUE(refused(beyond));
  TargetDescription none = good;
  none.devices.clear();
  EXPECT_TRUE(refused(none));
}

}  // namespace
}  // namespace crashdump
