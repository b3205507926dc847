// SPDX-License-Identifier: GPL-2.0-or-later
// Recovering on a machine where other things happen meanwhile, with the crash before it and the arming behind it.
#include "cli/recover_and_arm.h"

#include <gtest/gtest.h>

#include "cli/testing/dump_ledger.h"
#include "cli/testing/life_cycle_world.h"
#include "cli/testing/published_dump.h"
#include "cli/testing/world_capture.h"

namespace crashdump {
namespace {

using Then = LifeCycleWorld::Then;

class RecoverAndArmTest : public ::testing::Test {
 protected:
  void Prepare() {
    world_.Prepare(PrepareAction::kPrepare, UnrecoveredDumps::kRefuse, kSmallestRegionBytes).TakeValue();
  }
  // A crash of the armed machine, and the next boot.
  CaptureRecord Crash(uint32_t pages, testing::SamplePages kind = testing::SamplePages::kMixed) {
    world_.StopKernel();
    const bool must_capture = ledger_.MustCapture();
    CaptureRecord record = Capture(world_, testing::MakeSampleVmcore(pages, ++crashes_, kind), {});
    ledger_.AddCapture(record, must_capture);
    world_.Boot(0);
    return record;
  }
  Range LoadedExtent() const { return ParseTargetDescription(world_.Overlay("overlay/target")).TakeValue().extent(); }
  // Of the n-th crash: names begin with the time.
  PublishedDump Published(uint64_t crash) {
    uint64_t number = 0;
    for (const auto& [name, dump] : ReadPublishedDumps(world_.active_installation().var)) {
      if (++number == crash && dump) return *dump;
    }
    ADD_FAILURE() << "crash " << crash << " is not published";
    return {};
  }
  void ExpectNoViolation() {
    ledger_.Check();
    EXPECT_FALSE(ledger_.violation().has_value()) << *ledger_.violation();
  }

  LifeCycleWorld world_{1};
  DumpLedger ledger_{world_};
  uint64_t crashes_ = 0;
};

TEST_F(RecoverAndArmTest, ASecondCrashIsSavedBesideTheFirst) {
  Prepare();
  for (int crash = 0; crash < 2; ++crash) {
    ASSERT_TRUE(world_.Load().ok());
    ledger_.Check();
    EXPECT_TRUE(Crash(200).attempts[0].committed);
  }
  EXPECT_EQ(ledger_.counts().at("complete"), 2U);
  ASSERT_TRUE(world_.Recover(0, Then::kArm).ok());
  ExpectNoViolation();
  EXPECT_EQ(ledger_.counts().at("published"), 2U);
  EXPECT_NE(Published(1).messages.find("sample 1\n"), std::string::npos);
  EXPECT_NE(Published(2).messages.find("sample 2\n"), std::string::npos);
}

// The first dump fills the region, so that the second crash has room for its messages only.
TEST_F(RecoverAndArmTest, ASecondCrashIsSavedAsMessagesWhereTheFirstLeavesNoRoom) {
  Prepare();
  ASSERT_TRUE(world_.Load().ok());
  ledger_.Check();
  const auto more_than_fits = static_cast<uint32_t>(LoadedExtent().size() / 4096 + 1);
  EXPECT_TRUE(Crash(more_than_fits, testing::SamplePages::kNoise).attempts[0].committed);
  ASSERT_TRUE(world_.Load().ok());
  ledger_.Check();
  EXPECT_TRUE(LoadedExtent().empty());
  EXPECT_TRUE(Crash(200).attempts[0].committed);
  EXPECT_EQ(ledger_.counts().at("messages only"), 1U);

  ASSERT_TRUE(world_.Recover(0, Then::kArm).ok());
  ExpectNoViolation();
  EXPECT_EQ(ledger_.counts().at("published"), 2U);
  EXPECT_NE(Published(1).messages.find("sample 1\n"), std::string::npos);
  EXPECT_FALSE(Published(1).pages.empty());
  EXPECT_EQ(Published(1).info.state, "incomplete");
  EXPECT_NE(Published(2).messages.find("sample 2\n"), std::string::npos);
  EXPECT_EQ(Published(2).info.vmcore, VmcoreFile::kNone);
  // Both are out of the way of the third.
  EXPECT_FALSE(LoadedExtent().empty());
}

// Whenever it comes: the key of the image that it loads is not taken for one of an image that is gone.
TEST_F(RecoverAndArmTest, ALoadMeanwhileKeepsItsKey) {
  Prepare();
  bool came = true;
  uint64_t operation = 0;
  for (; came; ++operation) {
    ASSERT_TRUE(world_.Load().ok());
    ledger_.Check();
    came = false;
    uint64_t left = operation;
    const auto load = [&] {
      if (came || left-- > 0 || world_.IsLocked()) return;
      came = true;
      ASSERT_TRUE(world_.Load().ok());
    };
    world_.Meanwhile(load);
    ASSERT_TRUE(world_.Recover(0, Then::kEnd).ok());
    world_.Meanwhile({});
    ExpectNoViolation();
    EXPECT_EQ(world_.active_installation().keys.files().size(), 1U) << operation;
  }
  EXPECT_GT(operation, 1U);
}

}  // namespace
}  // namespace crashdump
