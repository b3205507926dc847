// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/target_proof.h"

#include <gtest/gtest.h>

#include <functional>

#include "common/testing/target_builder.h"

namespace crashdump {
namespace {

class TargetProof : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(InitializeCrypto().ok()); }

  // Expects the proof to be refused with a line that has all these parts, without anything having been written.
  static void ExpectRefused(const BuiltTarget& built, const std::vector<std::string>& parts, unsigned attempt = 1) {
    const Result<> proof = Prove(built.description, *built.device, built.identity, attempt);
    ASSERT_FALSE(proof.ok()) << parts.front();
    EXPECT_EQ(proof.error().code(), ErrorCode::kRefused);
    for (const std::string& part : parts) {
      EXPECT_NE(std::string(proof.error().text()).find(part), std::string::npos) << proof.error().text();
    }
    EXPECT_NE(std::string(proof.error().text()).find("vda2"), std::string::npos) << proof.error().text();
    EXPECT_EQ(built.device->CountOf(FakeBlockDevice::Kind::kWrite), 0U);
    EXPECT_EQ(built.device->CountOf(FakeBlockDevice::Kind::kFlush), 0U);
  }

  static void FlipBit(const BuiltTarget& built, uint64_t region_offset) {
    const uint64_t offset = built.region().DeviceOffset(region_offset);
    const std::vector<uint8_t> changed = {static_cast<uint8_t>(built.device->Peek(offset, 1)[0] ^ 0x04)};
    built.device->Poke(offset, changed);
  }
};

TEST_F(TargetProof, HoldsForAnUnchangedTarget) {
  for (const uint32_t page_size : {4096U, 65536U}) {
    for (const uint32_t block_size : {512U, 4096U}) {
      TargetBuilder builder;
      builder.swap.page_size = page_size;
      builder.logical_block_size = block_size;
      const BuiltTarget built = builder.Build();
      for (const unsigned attempt : {1U, 2U}) {
        const Result<> proof = Prove(built.description, *built.device, built.identity, attempt);
        EXPECT_TRUE(proof.ok()) << proof.error().text();
      }
    }
  }
}

TEST_F(TargetProof, NamesEachFactOfTheDeviceThatDiffers) {
  const struct {
    std::function<void(BuiltTarget&)> change;
    std::vector<std::string> parts;
  } changes[] = {
      {[](BuiltTarget& t) { t.identity.size += 512; }, {"device size in sysfs", "167772672", "167772160"}},
      {[](BuiltTarget& t) { t.identity.disk_size += 512; }, {"size of the whole disk", "234881536", "234881024"}},
      {[](BuiltTarget& t) { t.identity.logical_block_size = 4096; }, {"logical block size in sysfs", "4096", "512"}},
      {[](BuiltTarget& t) { t.identity.start_sector = 4096; }, {"start sector", "4096", "2048"}},
      {[](BuiltTarget& t) { t.identity.part_uuid = "other"; }, {"PARTUUID", "other", "0a1b2c3d-0001"}},
      {[](BuiltTarget& t) { t.identity.serial = "SERIAL-2"; }, {"serial is SERIAL-2", "recorded was SERIAL-1"}},
      {[](BuiltTarget& t) { t.identity.serial = ""; }, {"serial is none"}},
      {[](BuiltTarget& t) { t.identity.serial = "\x1b[2J"; }, {"serial is ?[2J"}},
      {[](BuiltTarget& t) { t.identity.model = "B"; }, {"model is B", "recorded was Model A"}},
      {[](BuiltTarget& t) { t.identity.unacceptable = "read-only"; }, {"read-only"}},
  };
  for (const auto& change : changes) {
    BuiltTarget built = TargetBuilder().Build();
    change.change(built);
    ExpectRefused(built, change.parts);
  }
}

TEST_F(TargetProof, NamesADeviceOfAnotherSizeOrBlockSize) {
  BuiltTarget built = TargetBuilder().Build();
  TargetBuilder larger;
  larger.device_bytes += kMiB;
  BuiltTarget other = larger.Build();
  other.description = built.description;
  ExpectRefused(other, {"device size is 168820736", "recorded was 167772160"});
  TargetBuilder blocks;
  blocks.logical_block_size = 4096;
  BuiltTarget coarse = blocks.Build();
  coarse.description = built.description;
  ExpectRefused(coarse, {"logical block size is 4096", "recorded was 512"});
}

TEST_F(TargetProof, FactsThatWereNotRecordedAreNotCompared) {
  BuiltTarget built = TargetBuilder().Build();
  built.description.devices[0].serial.clear();
  built.description.devices[0].model.clear();
  built.description.devices[0].part_uuid.clear();
  EXPECT_TRUE(Prove(built.description, *built.device, built.identity, 1).ok());
}

TEST_F(TargetProof, NamesEachFactOnTheDiskThatDiffers) {
  const struct {
    std::function<void(BuiltTarget&)> change;
    std::vector<std::string> parts;
  } changes[] = {
      // mkswap run again, with the old UUID and with a new one
      {[](BuiltTarget& t) { SwapBuilder().WriteTo(*t.device); }, {"last_page", "40959", "24575"}},
      {[](BuiltTarget& t) {
         SwapBuilder swap;
         swap.uuid[0] = 0x99;
         swap.last_page = t.description.device().last_page;
         swap.WriteTo(*t.device);
       },
       {"swap UUID is 99223344", "recorded was 11223344"}},
      {[](BuiltTarget& t) {
         SwapBuilder swap;
         swap.last_page = t.description.device().last_page + 1;
         swap.WriteTo(*t.device);
       },
       {"last_page of the swap is 24576", "recorded was 24575"}},
      {[](BuiltTarget& t) {
         SwapBuilder swap;
         swap.last_page = t.description.device().last_page - 1;
         swap.WriteTo(*t.device);
       },
       {"last_page of the swap is 24574"}},
      {[](BuiltTarget& t) {
         SwapBuilder swap;
         swap.magic = "S1SUSPEND";
         swap.last_page = t.description.device().last_page;
         swap.WriteTo(*t.device);
       },
       {"S1SUSPEND"}},
      // a filesystem where the swap was
      {[](BuiltTarget& t) { t.device->Poke(0, std::vector<uint8_t>(65536)); }, {"not a swap"}},
      {[](BuiltTarget& t) { FlipBit(t, t.region().start_stamp().begin + 2000); }, {"start stamp", "hash"}},
      {[](BuiltTarget& t) { FlipBit(t, t.region().end_stamp().end - 1); }, {"end stamp", "hash"}},
      {[](BuiltTarget& t) { FlipBit(t, t.region().Places(0, 1).header.begin); }, {"slot 0, attempt 1"}},
      {[](BuiltTarget& t) { FlipBit(t, t.region().Places(0, 2).trailer.begin); }, {"slot 0, attempt 2"}},
      {[](BuiltTarget& t) { FlipBit(t, t.region().Places(7, 2).trailer.end - 1); }, {"slot 7, attempt 2"}},
  };
  for (const auto& change : changes) {
    BuiltTarget built = TargetBuilder().Build();
    change.change(built);
    ExpectRefused(built, change.parts);
  }
}

TEST_F(TargetProof, SecondAttemptOverlooksTheFirstOnesBlocksOnly) {
  BuiltTarget built = TargetBuilder().Build();
  built.description.slot = 3;
  FlipBit(built, built.region().Places(3, 1).header.begin);
  FlipBit(built, built.region().Places(3, 1).trailer.begin);
  ExpectRefused(built, {"slot 3, attempt 1"}, 1);
  EXPECT_TRUE(Prove(built.description, *built.device, built.identity, 2).ok());
  FlipBit(built, built.region().Places(3, 2).header.begin);
  ExpectRefused(built, {"slot 3, attempt 2"}, 2);
  FlipBit(built, built.region().Places(3, 2).header.begin);
  FlipBit(built, built.region().Places(4, 1).header.begin);
  ExpectRefused(built, {"slot 4, attempt 1"}, 2);
}

TEST_F(TargetProof, ReadErrorsAreErrors) {
  const BuiltTarget built = TargetBuilder().Build();
  ASSERT_TRUE(Prove(built.description, *built.device, built.identity, 1).ok());
  const uint64_t reads = built.device->CountOf(FakeBlockDevice::Kind::kRead);
  ASSERT_GE(reads, 35U);
  for (uint64_t n = 0; n < reads; ++n) {
    built.device->FailAt(FakeBlockDevice::Kind::kRead, n, FakeBlockDevice::Fault::kError);
    const Result<> proof = Prove(built.description, *built.device, built.identity, 1);
    ASSERT_FALSE(proof.ok()) << n;
    EXPECT_EQ(proof.error().os_error(), EIO);
  }
}

TEST_F(TargetProof, OneCandidateIsChosenIfItIsProven) {
  BuiltTarget built = TargetBuilder().Build();
  const Candidate candidate = {&built.identity, built.device.get()};
  EXPECT_EQ(ChooseTarget(built.description, {&candidate, 1}, 1).value(), 0U);
  EXPECT_EQ(ChooseTarget(built.description, {}, 1).error().code(), ErrorCode::kNotFound);
  built.identity.start_sector = 1;
  EXPECT_EQ(ChooseTarget(built.description, {&candidate, 1}, 1).error().code(), ErrorCode::kRefused);
}

TEST_F(TargetProof, OfEqualDisksTheOneWithTheRecordedSerialIsChosen) {
  const BuiltTarget first = TargetBuilder().Build();
  TargetBuilder other;
  other.serial = "SERIAL-2";
  const BuiltTarget second = other.Build();
  std::vector<Candidate> candidates = {{&second.identity, second.device.get()}, {&first.identity, first.device.get()}};
  EXPECT_EQ(ChooseTarget(first.description, candidates, 1).value(), 1U);
  EXPECT_TRUE(second.device->Log().empty()) << "the other one is not even read";
}

TEST_F(TargetProof, EqualDisksThatNoSerialTellsApartAreRefused) {
  const BuiltTarget first = TargetBuilder().Build();
  const BuiltTarget twin = TargetBuilder().Build();
  const std::vector<Candidate> twins = {{&first.identity, first.device.get()}, {&twin.identity, twin.device.get()}};
  EXPECT_EQ(ChooseTarget(first.description, twins, 1).error().code(), ErrorCode::kRefused);

  TargetBuilder nameless;
  nameless.serial = "";
  const BuiltTarget third = nameless.Build();
  const BuiltTarget fourth = nameless.Build();
  const std::vector<Candidate> without = {{&third.identity, third.device.get()},
                                          {&fourth.identity, fourth.device.get()}};
  const Result<size_t> refused = ChooseTarget(third.description, without, 1);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kRefused);
  EXPECT_NE(std::string(refused.error().text()).find("no serial"), std::string::npos);
  EXPECT_EQ(ChooseTarget(first.description, without, 1).error().code(), ErrorCode::kRefused) << "none has it";
}

}  // namespace
}  // namespace crashdump
