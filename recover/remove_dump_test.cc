// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/remove_dump.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recover/dump_files.h"
#include "recover/dump_list.h"
#include "recover/recovery_rig_test.h"

namespace crashdump {
namespace {

constexpr const char* kFirst = "20231114221320-a1a1a1a1a1a1";
constexpr const char* kSecond = "20231114221320-b1b1b1b1b1b1";
using Names = std::vector<std::string>;

class RemoveDumpTest : public ::testing::Test {
 protected:
  void Place() {
    rig_.Place(RecoveryRig::PlanFor(first_, 0xA1));
    rig_.Place(RecoveryRig::PlanFor(second_, 0xB1));
  }
  void Recover() {
    Place();
    rig_.Recover();
    ASSERT_EQ(rig_.Dumps(), (Names{kFirst, kSecond}));
  }
  Result<Names> Remove(const Names& ids) { return RemoveDumps(rig_.crash_directory(), ids, rig_.keys()); }
  void ExpectRefused(const Names& ids, const std::string& part) {
    const auto tree = rig_.Tree();
    const Result<Names> refused = Remove(ids);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(std::string(refused.error().text()).find(part), std::string::npos) << refused.error().text();
    EXPECT_EQ(rig_.Tree(), tree);
  }

  RecoveryRig rig_;
  const KeyRecord first_ = rig_.AddRecord(7, 0);
  const KeyRecord second_ = rig_.AddRecord(8, 1);
};

TEST_F(RemoveDumpTest, TakesWhatIsNamedAndNothingElse) {
  Recover();
  EXPECT_EQ(Remove({"20231114221320-a"}).value(), Names{kFirst});
  EXPECT_EQ(rig_.Dumps(), Names{kSecond});
  EXPECT_EQ(rig_.Reports().size(), 2U) << "what apport has been given is apport's";
  EXPECT_EQ(Remove({kSecond, "latest", kSecond}).value(), Names{kSecond});
  EXPECT_TRUE(rig_.Dumps().empty());
  ExpectRefused({"latest"}, "latest: no recovered dump has this name");
}

TEST_F(RemoveDumpTest, AllOrNone) {
  Recover();
  ExpectRefused({kFirst, "2022"}, "2022: no recovered dump has this name");
  ExpectRefused({kFirst, "2023"}, "2023: is the beginning of 2 dumps' names");
  rig_.crash().WriteFile(std::string("kernel/dumps/") + kSecond + "/notes", "an administrator's");
  ExpectRefused({kFirst, kSecond}, std::string(kSecond) + ": holds \"notes\"");
}

TEST_F(RemoveDumpTest, WhatIsStillToBeRecoveredStays) {
  Place();
  rig_.Recover(UINT64_MAX);
  ASSERT_EQ(rig_.Info(kFirst).vmcore, VmcoreFile::kPending);
  ExpectRefused({kFirst}, "not all of it is out of the swap yet");
  // Nobody knows.
  rig_.keys_directory().files()[KeyStore::FileName(first_.credentials.key_id)] = "damaged";
  ExpectRefused({kFirst}, "key record");
  // Given up.
  rig_.keys().Remove(first_.credentials.key_id).TakeValue();
  EXPECT_TRUE(Remove({kFirst}).ok());
  EXPECT_EQ(rig_.Dumps(), Names{kSecond});
}

TEST_F(RemoveDumpTest, PublishedButNotRecordedStays) {
  Recover();
  const KeyRecord record = rig_.AddRecord(7, 0);
  ExpectRefused({kFirst}, "not all of it is out of the swap yet");
  rig_.keys().MarkRecovered(record.credentials.key_id, RecoveryRig::PlanFor(record).parameters.attempt_id).TakeValue();
  EXPECT_TRUE(Remove({kFirst}).ok());
}

TEST_F(RemoveDumpTest, WithoutAKeyIdTheInfoTells) {
  Recover();
  DumpInfo info = rig_.Info(kFirst);
  info.key_id.clear();
  info.read_error = true;
  rig_.crash().WriteFile(std::string("kernel/dumps/") + kFirst + "/info.json", info.ToJson());
  ExpectRefused({kFirst}, "not all of it is out of the swap yet");
  info.read_error = false;
  rig_.crash().WriteFile(std::string("kernel/dumps/") + kFirst + "/info.json", info.ToJson());
  EXPECT_TRUE(Remove({kFirst}).ok());
}

TEST_F(RemoveDumpTest, OthersDirectoriesAndLinksAreNotTouched) {
  Recover();
  const TempDirectory elsewhere;
  const std::string file = elsewhere.WriteFile("info.json", "theirs");
  ASSERT_EQ(rename(rig_.crash().Path(std::string("kernel/dumps/") + kFirst).c_str(),
                   rig_.crash().Path(std::string("kernel/dumps/") + kFirst + ".foreign-00").c_str()),
            0);
  rig_.crash().MakeSymlink(std::string("kernel/dumps/") + kFirst, elsewhere.path());
  ExpectRefused({kFirst}, "is no directory");
  ExpectRefused({std::string(kFirst) + ".foreign-00"}, "no recovered dump has this name");
  EXPECT_EQ(ReadTextFile(file.c_str(), kMiB).value(), "theirs");
  if (geteuid() != 0) return;
  ASSERT_EQ(chown(rig_.crash().Path(std::string("kernel/dumps/") + kSecond).c_str(), 65534, 65534), 0);
  ExpectRefused({kSecond}, "belongs to user 65534");
}

TEST_F(RemoveDumpTest, ALinkAmongTheFilesIsNotOurs) {
  Recover();
  ASSERT_EQ(unlink(rig_.DumpFile(kFirst, kVmcoreName).c_str()), 0);
  rig_.crash().MakeSymlink(std::string("kernel/dumps/") + kFirst + "/vmcore", "/elsewhere/vmcore");
  ExpectRefused({kFirst}, "holds \"vmcore\"");
}

TEST_F(RemoveDumpTest, WhatACutLeavesTheNextRunRemoves) {
  Recover();
  ASSERT_EQ(rename(rig_.crash().Path(std::string("kernel/dumps/") + kFirst).c_str(),
                   rig_.crash().Path(std::string("kernel/dumps/.going-") + kFirst).c_str()),
            0);
  EXPECT_EQ(ListDumps(rig_.crash_directory()).value().size(), 1U);
  rig_.Recover();
  EXPECT_EQ(rig_.Dumps(), Names{kSecond});
}

}  // namespace
}  // namespace crashdump
