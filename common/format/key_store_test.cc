// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/key_store.h"

#include <gtest/gtest.h>

#include "common/testing/dump_builder.h"
#include "common/testing/fake_state_directory.h"

namespace crashdump {
namespace {

KeyRecord Example(uint8_t seed) {
  KeyRecord record;
  record.credentials = TestCredentials(seed);
  record.slot_offset = 64 * kMiB;
  record.boot_id = "0b41b5b2-6c2a-4d53-9d7c-0a1b2c3d4e5f";
  record.swap_uuid = "5e1f9a3c-0000-4111-8222-123456789abc";
  return record;
}

class KeyStoring : public testing::Test {
 protected:
  FakeStateDirectory directory_;
  KeyStore store_{directory_};
  DumpId attempt_{1, 2, 3};
};

TEST_F(KeyStoring, OneRecordAfterTheOther) {
  ASSERT_TRUE(store_.Put(Example(9)).ok());
  ASSERT_TRUE(store_.Put(Example(8)).ok());
  ASSERT_TRUE(store_.Put(Example(7)).ok());
  directory_.files()["0123.key"] = "no record";
  std::vector<uint8_t> seen;
  const auto damaged = store_.ForEach([&](KeyRecord& record) {
    seen.push_back(record.credentials.key_id[0]);
    // What is gone before its turn does not come.
    EXPECT_TRUE(store_.Remove(Example(8).credentials.key_id).ok());
  });
  ASSERT_TRUE(damaged.ok());
  EXPECT_EQ(seen, (std::vector<uint8_t>{7, 9}));
  ASSERT_EQ(damaged.value().size(), 1U);
  EXPECT_EQ(damaged.value()[0].name, "0123.key");
}

TEST_F(KeyStoring, KeepsRecordsUnderTheirKeyIds) {
  ASSERT_TRUE(store_.Put(Example(9)).ok());
  ASSERT_TRUE(store_.Put(Example(8)).ok());
  EXPECT_EQ(KeyStore::FileName(Example(8).credentials.key_id), "08080808080808080808080808080808.key");
  EXPECT_EQ(directory_.files().count("08080808080808080808080808080808.key"), 1U);
  directory_.files()["notes.txt"] = "not a record";
  const KeyStore::Contents contents = store_.ReadAll().TakeValue();
  ASSERT_EQ(contents.records.size(), 2U);
  EXPECT_TRUE(contents.damaged.empty());
  EXPECT_EQ(contents.records[0].credentials.key_id, Example(8).credentials.key_id);
  EXPECT_TRUE(store_.Find(Example(9).credentials.key_id).value().has_value());
  EXPECT_FALSE(store_.Find(Example(1).credentials.key_id).value().has_value());

  ASSERT_TRUE(store_.Remove(Example(9).credentials.key_id).ok());
  ASSERT_TRUE(store_.Remove(Example(9).credentials.key_id).ok());
  EXPECT_EQ(store_.ReadAll().value().records.size(), 1U);
}

TEST_F(KeyStoring, MarksRecoveredOnce) {
  const DumpId key_id = Example(9).credentials.key_id;
  ASSERT_TRUE(store_.Put(Example(9)).ok());
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(store_.MarkRecovered(key_id, attempt_).ok());
  EXPECT_EQ(store_.Find(key_id).value()->recovered, std::vector<DumpId>{attempt_});
  const Result<> missing = store_.MarkRecovered(Example(1).credentials.key_id, attempt_);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
}

// What cannot be used is reported, never left out in silence: its dump would be overwritten.
TEST_F(KeyStoring, DamagedRecordsAreReported) {
  ASSERT_TRUE(store_.Put(Example(9)).ok());
  ASSERT_TRUE(store_.Put(Example(8)).ok());
  auto& files = directory_.files();
  files["07070707070707070707070707070707.key"] = files["08080808080808080808080808080808.key"];
  files["08080808080808080808080808080808.key"].resize(100);
  const KeyStore::Contents contents = store_.ReadAll().TakeValue();
  EXPECT_EQ(contents.records.size(), 1U);
  ASSERT_EQ(contents.damaged.size(), 2U);
  EXPECT_EQ(contents.damaged[0].name, "07070707070707070707070707070707.key");
  EXPECT_STREQ(contents.damaged[0].error.text(),
               "key record 07070707070707070707070707070707.key: it is for another key id");
  EXPECT_FALSE(store_.Find(Example(8).credentials.key_id).ok());
}

TEST_F(KeyStoring, FailuresAreNamed) {
  directory_.FailAt(FakeStateDirectory::Kind::kReplace, 0);
  const Result<> put = store_.Put(Example(9));
  ASSERT_FALSE(put.ok());
  EXPECT_NE(std::string(put.error().text()).find("key record 0909"), std::string::npos) << put.error().text();
  EXPECT_TRUE(directory_.files().empty());

  ASSERT_TRUE(store_.Put(Example(9)).ok());
  directory_.FailAt(FakeStateDirectory::Kind::kList, 0);
  EXPECT_FALSE(store_.ReadAll().ok());
  directory_.FailAt(FakeStateDirectory::Kind::kRead, 0);
  const KeyStore::Contents contents = store_.ReadAll().TakeValue();
  EXPECT_TRUE(contents.records.empty());
  EXPECT_EQ(contents.damaged.size(), 1U);
}

// A record that could not be read back is not stored.
TEST_F(KeyStoring, RefusesARecordThatIsNone) {
  KeyRecord record = Example(9);
  record.boot_id = "";
  EXPECT_FALSE(store_.Put(record).ok());
  record = Example(9);
  record.credentials.kind = KeyKind::kNone;
  EXPECT_FALSE(store_.Put(record).ok());
  EXPECT_TRUE(directory_.files().empty());
}

}  // namespace
}  // namespace crashdump
