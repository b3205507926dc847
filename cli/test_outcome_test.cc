// SPDX-License-Identifier: GPL-2.0-or-later
// What `status` says of a crash for a test, from before it to after its dump has been removed.
#include "cli/test_outcome.h"

#include <gtest/gtest.h>

#include "common/base/parse.h"
#include "common/crypto/crypto.h"
#include "common/testing/dump_builder.h"
#include "common/testing/fake_state_directory.h"

namespace crashdump {
namespace {

class TestOutcomeTest : public testing::Test {
 protected:
  TestOutcomeTest() {
    InitializeCrypto().TakeValue();
    RandomBytes(test_.key_id).TakeValue();
    test_.boot_id = "crashed";
    test_.time = 1'800'000'000;
  }

  TestResult Now(const char* boot_id) { return ResultOf(test_, boot_id, KeyStore(keys_), dumps_).TakeValue(); }
  void PutKey() {
    KeyRecord record;
    record.credentials = TestCredentials(7);
    record.credentials.key_id = test_.key_id;
    record.slot_offset = 64 * kMiB;
    record.extent = {4096, 64 * kMiB};
    record.boot_id = "crashed";
    record.swap_uuid = "5e1f9a3c-0000-4111-8222-123456789abc";
    KeyStore(keys_).Put(record).TakeValue();
  }
  DumpInfo& AddDump(const char* name, const DumpId& key_id) {
    DumpInfo info;
    info.key_id = ToHex(key_id);
    info.state = "complete";
    info.vmcore = VmcoreFile::kPresent;
    dumps_.push_back({name, info});
    return dumps_.back().info.value();
  }

  TestCrash test_;
  FakeStateDirectory keys_, remembered_;
  std::vector<ListedDump> dumps_;
};

TEST_F(TestOutcomeTest, IsRememberedOverTheCrash) {
  EXPECT_FALSE(ReadTestCrash(remembered_).value());
  ASSERT_TRUE(WriteTestCrash(remembered_, test_).ok());
  EXPECT_EQ(ReadTestCrash(remembered_).value(), test_);
  remembered_.files().begin()->second = "nonsense";
  EXPECT_FALSE(ReadTestCrash(remembered_).ok());
  ASSERT_TRUE(RemoveTestCrash(remembered_).ok());
  EXPECT_FALSE(ReadTestCrash(remembered_).value());
}

TEST_F(TestOutcomeTest, FromTheCrashToItsDump) {
  PutKey();
  EXPECT_EQ(Now("crashed").outcome, TestOutcome::kNotCrashed);
  EXPECT_EQ(Now("next").outcome, TestOutcome::kWaiting);
  AddDump("of another crash", DumpId{});
  EXPECT_EQ(Now("next").outcome, TestOutcome::kWaiting);
  AddDump("20270115080000-0123456789ab", test_.key_id);
  const TestResult saved = Now("next");
  EXPECT_EQ(saved.outcome, TestOutcome::kSaved);
  EXPECT_EQ(saved.dump, "20270115080000-0123456789ab");
  EXPECT_EQ(saved.text, "the crash for a test of 2027-01-15T08:00:00Z was saved: 20270115080000-0123456789ab");
}

TEST_F(TestOutcomeTest, APartIsNotAll) {
  DumpInfo& info = AddDump("dump", test_.key_id);
  const auto expect_missing = [&](const char* what) {
    const TestResult result = Now("next");
    EXPECT_EQ(result.outcome, TestOutcome::kIncomplete);
    EXPECT_EQ(result.dump, "dump");
    EXPECT_NE(result.text.find(std::string("in part: dump (") + what), std::string::npos) << result.text;
  };
  info.vmcore = VmcoreFile::kNone;
  expect_missing("messages only)");
  info.vmcore = VmcoreFile::kPending;
  expect_missing("its memory waits for room)");
  info.read_error = true;
  expect_missing("the disk could not be read");
  info.state = "torn";
  info.reason = "the trailer is missing";
  expect_missing("torn, the trailer is missing)");
}

TEST_F(TestOutcomeTest, WithoutADumpAndWithoutAKeyForOne) {
  EXPECT_EQ(Now("next").outcome, TestOutcome::kLost);
  EXPECT_NE(Now("next").text.find("was not saved: "), std::string::npos);
}

TEST_F(TestOutcomeTest, ADumpMayBeRemovedLater) {
  ASSERT_TRUE(WriteTestCrash(remembered_, test_).ok());
  ASSERT_TRUE(RememberDumpOfTest(remembered_, dumps_).ok());
  EXPECT_EQ(ReadTestCrash(remembered_).value()->dump, "");
  AddDump("dump", test_.key_id);
  ASSERT_TRUE(RememberDumpOfTest(remembered_, dumps_).ok());
  dumps_.clear();
  ASSERT_TRUE(RememberDumpOfTest(remembered_, dumps_).ok());
  test_ = *ReadTestCrash(remembered_).value();
  EXPECT_EQ(test_.dump, "dump");
  EXPECT_EQ(Now("next").outcome, TestOutcome::kSaved);
  EXPECT_NE(Now("next").text.find("not in /var/crash any more"), std::string::npos);
}

}  // namespace
}  // namespace crashdump
