// SPDX-License-Identifier: GPL-2.0-or-later
// The fake itself: if it kept what a real disk may lose, every fault test above it would prove nothing.
#include "common/testing/fake_block_device.h"

#include <gtest/gtest.h>

#include <set>

namespace crashdump {
namespace {

using Survivors = FakeBlockDevice::Survivors;
using Kind = FakeBlockDevice::Kind;
using Fault = FakeBlockDevice::Fault;

std::vector<uint8_t> Filled(size_t size, uint8_t value) { return std::vector<uint8_t>(size, value); }

TEST(FakeBlockDevice, ReadsBackWhatWasWrittenAndLogsIt) {
  FakeBlockDevice device(kMiB);
  ASSERT_TRUE(device.WriteAt(512, Filled(1024, 7)).ok());
  ASSERT_TRUE(device.Flush().ok());
  std::vector<uint8_t> out(1030);
  ASSERT_TRUE(device.ReadAt(510, out).ok());
  EXPECT_EQ(out[1], 0);
  EXPECT_EQ(out[2], 7);
  EXPECT_EQ(out[1025], 7);
  EXPECT_EQ(out[1026], 0);
  const auto log = device.Log();
  ASSERT_EQ(log.size(), 3U);
  EXPECT_EQ(log[0].kind, Kind::kWrite);
  EXPECT_EQ(log[0].range, (Range{512, 1536}));
  EXPECT_EQ(log[0].data, Filled(1024, 7));
  EXPECT_EQ(log[1].kind, Kind::kFlush);
  EXPECT_EQ(log[2].kind, Kind::kRead);
  EXPECT_EQ(device.CountOf(Kind::kWrite), 1U);
}

TEST(FakeBlockDevice, RefusesWhatADiskRefuses) {
  FakeBlockDevice device(kMiB, 4096);
  EXPECT_FALSE(device.WriteAt(512, Filled(4096, 1)).ok());
  EXPECT_FALSE(device.WriteAt(0, Filled(512, 1)).ok());
  EXPECT_FALSE(device.WriteAt(kMiB, Filled(4096, 1)).ok());
  EXPECT_FALSE(device.WriteAt(UINT64_MAX - 4095, Filled(4096, 1)).ok());
  std::vector<uint8_t> out(2);
  EXPECT_EQ(device.ReadAt(kMiB - 1, out).error().code(), ErrorCode::kTruncated);
  EXPECT_EQ(device.Snapshot(), SparseImage());
}

TEST(FakeBlockDevice, PowerCutLosesOnlyWhatWasNotFlushed) {
  FakeBlockDevice device(kMiB);
  ASSERT_TRUE(device.WriteAt(0, Filled(512, 1)).ok());
  ASSERT_TRUE(device.Flush().ok());
  ASSERT_TRUE(device.WriteAt(0, Filled(512, 2)).ok());
  ASSERT_TRUE(device.WriteAt(4096, Filled(512, 3)).ok());
  EXPECT_EQ(device.unflushed_writes(), 2U);
  const auto bytes = [](const FakeBlockDevice& cut) { return std::pair(cut.Peek(0, 1)[0], cut.Peek(4096, 1)[0]); };
  EXPECT_EQ(bytes(device.AfterPowerCut(Survivors::kNone)), std::pair(uint8_t{1}, uint8_t{0}));
  EXPECT_EQ(bytes(device.AfterPowerCut(Survivors::kAll)), std::pair(uint8_t{2}, uint8_t{3}));
  EXPECT_EQ(bytes(device.AfterPowerCut(Survivors::kPrefix, 0)), std::pair(uint8_t{1}, uint8_t{0}));
  EXPECT_EQ(bytes(device.AfterPowerCut(Survivors::kPrefix, 1)), std::pair(uint8_t{2}, uint8_t{0}));
  std::set<std::pair<uint8_t, uint8_t>> seen;
  for (uint64_t seed = 0; seed < 64; ++seed) seen.insert(bytes(device.AfterPowerCut(Survivors::kRandom, seed)));
  EXPECT_EQ(seen.size(), 4U) << "every subset, the later write without the earlier one too";
  device.LoseCache(Survivors::kNone);
  EXPECT_EQ(bytes(device), std::pair(uint8_t{1}, uint8_t{0}));
  EXPECT_EQ(device.unflushed_writes(), 0U);
}

TEST(FakeBlockDevice, TearsAWriteBetweenLogicalBlocksOnly) {
  FakeBlockDevice device(kMiB, 512);
  ASSERT_TRUE(device.WriteAt(0, Filled(4096, 9)).ok());
  bool torn = false;
  for (uint64_t seed = 0; seed < 16; ++seed) {
    const std::vector<uint8_t> bytes = device.AfterPowerCut(Survivors::kRandom, seed).Peek(0, 4096);
    uint64_t kept = 0;
    for (size_t block = 0; block < 8; ++block) {
      const std::vector<uint8_t> part(bytes.begin() + static_cast<ptrdiff_t>(block * 512),
                                      bytes.begin() + static_cast<ptrdiff_t>(block * 512 + 512));
      EXPECT_TRUE(part == Filled(512, 9) || part == Filled(512, 0));
      kept += part[0] == 9 ? 1 : 0;
    }
    torn = torn || (kept > 0 && kept < 8);
  }
  EXPECT_TRUE(torn);
}

TEST(FakeBlockDevice, FailsAndShortensTheOperationsItIsToldTo) {
  FakeBlockDevice device(kMiB);
  device.FailAt(Kind::kWrite, 1, Fault::kShort);
  device.FailAt(Kind::kFlush, 0, Fault::kError);
  device.FailAt(Kind::kRead, 0, Fault::kError);
  EXPECT_TRUE(device.WriteAt(0, Filled(2048, 1)).ok());
  const Result<> failed = device.WriteAt(4096, Filled(2048, 2));
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().os_error(), EIO);
  EXPECT_NE(std::string(failed.error().text()).find("4096"), std::string::npos);
  EXPECT_TRUE(device.WriteAt(8192, Filled(512, 3)).ok());
  EXPECT_EQ(device.Peek(4096, 2048)[1023], 2);
  EXPECT_EQ(device.Peek(4096, 2048)[1024], 0);
  EXPECT_FALSE(device.Flush().ok());
  EXPECT_EQ(device.unflushed_writes(), 3U);
  EXPECT_TRUE(device.Flush().ok());
  EXPECT_EQ(device.unflushed_writes(), 0U);
  std::vector<uint8_t> out(16);
  EXPECT_FALSE(device.ReadAt(0, out).ok());
  EXPECT_TRUE(device.ReadAt(0, out).ok());
  device.FailReadsIn({100, 101});
  EXPECT_FALSE(device.ReadAt(90, out).ok());
  EXPECT_TRUE(device.ReadAt(101, out).ok());
}

TEST(FakeBlockDevice, LyingFlushKeepsNothing) {
  FakeBlockDevice device(kMiB);
  device.LieAboutFlush();
  ASSERT_TRUE(device.WriteAt(0, Filled(512, 1)).ok());
  ASSERT_TRUE(device.Flush().ok());
  EXPECT_EQ(device.AfterPowerCut(Survivors::kNone).Peek(0, 1)[0], 0);
}

TEST(FakeBlockDevice, PowerGoesBeforeOrAfterAStep) {
  for (const auto moment : {PowerSwitch::Moment::kBefore, PowerSwitch::Moment::kAfter}) {
    PowerSwitch power;
    FakeBlockDevice device(kMiB);
    device.ConnectTo(&power);
    power.CutAt(2, moment);
    EXPECT_TRUE(device.WriteAt(0, Filled(512, 1)).ok());
    EXPECT_TRUE(device.WriteAt(512, Filled(512, 1)).ok());
    EXPECT_FALSE(device.Flush().ok());
    EXPECT_FALSE(device.WriteAt(1024, Filled(512, 1)).ok());
    std::vector<uint8_t> out(1);
    EXPECT_FALSE(device.ReadAt(0, out).ok());
    const FakeBlockDevice after = device.AfterPowerCut(Survivors::kNone);
    EXPECT_EQ(after.Peek(512, 1)[0], moment == PowerSwitch::Moment::kAfter ? 1 : 0);
    EXPECT_EQ(after.Peek(1024, 1)[0], 0);
    EXPECT_TRUE(after.ReadAt(0, out).ok());
  }
}

TEST(FakeBlockDevice, FindsDifferencesOutsideOfIgnoredRanges) {
  FakeBlockDevice device(kMiB);
  const SparseImage before = device.Snapshot();
  const std::vector<uint8_t> one = {1};
  device.Poke(5000, one);
  device.Poke(9000, one);
  EXPECT_EQ(before.FirstDifference(device.Snapshot(), kMiB, {}), 5000U);
  EXPECT_EQ(device.Snapshot().FirstDifference(before, kMiB, {{5000, 5001}}), 9000U);
  EXPECT_EQ(before.FirstDifference(device.Snapshot(), kMiB, {{0, 9001}}), kMiB);
  const std::vector<uint8_t> zero = {0};
  device.Poke(5000, zero);
  device.Poke(9000, zero);
  EXPECT_EQ(before, device.Snapshot());
}

}  // namespace
}  // namespace crashdump
