// SPDX-License-Identifier: GPL-2.0-or-later
// The key policy: every way in which a key record must stay, and the two in which it may go.
#include "common/format/key_policy.h"

#include <gtest/gtest.h>

#include "common/testing/dump_builder.h"

namespace crashdump {
namespace {

constexpr auto kAbsent = AttemptState::kAbsent;
constexpr auto kRecovered = AttemptState::kRecovered;
constexpr auto kUnrecovered = AttemptState::kUnrecovered;
constexpr auto kUnknown = AttemptState::kUnknown;

constexpr DumpId kThisKey{1};
constexpr DumpId kOtherKey{2};

KeyRecord RecordOf(const char* boot_id) {
  KeyRecord record;
  record.credentials.key_id = kThisKey;
  record.boot_id = boot_id;
  return record;
}

constexpr BootFacts kLaterBoot{"boot-2", std::nullopt};

TEST(MayDeleteKey, OfAnEarlierBootWhenNothingIsThere) {
  EXPECT_TRUE(MayDeleteKey(RecordOf("boot-1"), {kAbsent, kAbsent}, kLaterBoot));
  EXPECT_TRUE(MayDeleteKey(RecordOf("boot-1"), {kRecovered, kAbsent}, kLaterBoot));
}

TEST(MayDeleteKey, NotOfPlacesThatAreKept) {
  KeyRecord record = RecordOf("boot-1");
  record.credentials.kind = KeyKind::kSealed;
  EXPECT_FALSE(MayDeleteKey(record, {kAbsent, kAbsent}, kLaterBoot));
  record.recovered.resize(2);
  EXPECT_FALSE(MayDeleteKey(record, {kRecovered, kRecovered}, kLaterBoot));
}

TEST(MayDeleteKey, NotWhileADumpWaits) {
  EXPECT_FALSE(MayDeleteKey(RecordOf("boot-1"), {kUnrecovered, kAbsent}, kLaterBoot));
  EXPECT_FALSE(MayDeleteKey(RecordOf("boot-1"), {kRecovered, kUnrecovered}, kLaterBoot));
}

TEST(MayDeleteKey, NotWhileAPlaceIsUnknown) {
  EXPECT_FALSE(MayDeleteKey(RecordOf("boot-1"), kUnknownAttempts, kLaterBoot));
  EXPECT_FALSE(MayDeleteKey(RecordOf("boot-1"), {kAbsent, kUnknown}, kLaterBoot));
}

TEST(MayDeleteKey, OfThisBootOnlyAfterALaterLoad) {
  EXPECT_FALSE(MayDeleteKey(RecordOf("boot-2"), {kAbsent, kAbsent}, kLaterBoot));
  EXPECT_TRUE(MayDeleteKey(RecordOf("boot-2"), {kAbsent, kAbsent}, {"boot-2", kOtherKey}));
}

TEST(MayDeleteKey, NeverThatOfTheLoadedImage) {
  KeyRecord record = RecordOf("boot-2");
  EXPECT_FALSE(MayDeleteKey(record, {kAbsent, kAbsent}, {"boot-2", kThisKey}));
  record.recovered = {DumpId{1}, DumpId{2}};
  EXPECT_FALSE(MayDeleteKey(record, {kRecovered, kRecovered}, {"boot-2", kThisKey}));
}

TEST(MayDeleteKey, WithoutTheDeviceOnlyWhenAllAttemptsAreRecovered) {
  KeyRecord record = RecordOf("boot-1");
  record.recovered = {DumpId{1}};
  EXPECT_FALSE(MayDeleteKey(record, kUnknownAttempts, kLaterBoot));
  record.recovered.push_back(DumpId{2});
  EXPECT_TRUE(MayDeleteKey(record, kUnknownAttempts, kLaterBoot));
  EXPECT_FALSE(MayDeleteKey(record, {kUnrecovered, kUnknown}, kLaterBoot));
}

TEST(MayHoldDump, UnlessEveryPlaceWasReadAndIsDoneWith) {
  EXPECT_FALSE(MayHoldDump({kAbsent, kRecovered}));
  EXPECT_TRUE(MayHoldDump({kUnrecovered, kAbsent}));
  EXPECT_TRUE(MayHoldDump({kAbsent, kUnknown}));
}

// A region of one slot with a dump of attempt 1 in it, and its record.
class InspectAttemptsTest : public testing::Test {
 protected:
  InspectAttemptsTest() {
    DumpPlan plan = RegionPlan(4, kMiB);
    InitializeCrypto().TakeValue();
    record_.credentials = plan.credentials.Copy();
    record_.slot_offset = plan.parameters.layout.header;
    record_.extent = plan.parameters.layout.data;
    attempt_id_ = plan.parameters.attempt_id;
    dump_ = BuildDump(plan);
    dump_.resize(std::max(dump_.size(), static_cast<size_t>(record_.slot_offset + kSlotBytes)));
  }
  AttemptStates Inspect() const { return InspectAttempts(MemorySource(dump_), record_); }

  KeyRecord record_;
  DumpId attempt_id_{};
  std::vector<uint8_t> dump_;
};

TEST_F(InspectAttemptsTest, SeesADumpUntilItIsRecordedRecovered) {
  EXPECT_EQ(Inspect(), (AttemptStates{kUnrecovered, kAbsent}));
  record_.recovered.push_back(attempt_id_);
  EXPECT_EQ(Inspect(), (AttemptStates{kRecovered, kAbsent}));
}

TEST_F(InspectAttemptsTest, SeesNothingUnderAnotherKey) {
  record_.credentials = TestCredentials(99);
  EXPECT_EQ(Inspect(), (AttemptStates{kAbsent, kAbsent}));
}

TEST_F(InspectAttemptsTest, WhatCannotBeReadIsUnknown) {
  dump_.resize(static_cast<size_t>(record_.slot_offset + 100));
  EXPECT_EQ(Inspect(), kUnknownAttempts);
}

}  // namespace
}  // namespace crashdump
