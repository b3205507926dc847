// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/retention.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recover/dump_files.h"
#include "recover/recovery_rig_test.h"

namespace crashdump {
namespace {

using Names = std::vector<std::string>;
using Kind = RecoverNote::Kind;

TEST(ChooseDumpsToRemove, TheOldestUntilBothLimitsHold) {
  const std::vector<KeptDump> dumps = {{"1", 10, true}, {"2", 30, true}, {"3", 20, true}, {"4", 40, true}};
  EXPECT_EQ(ChooseDumpsToRemove(dumps, {}), Names());
  EXPECT_EQ(ChooseDumpsToRemove(dumps, {.keep = 4}), Names());
  EXPECT_EQ(ChooseDumpsToRemove(dumps, {.keep = 3}), Names{"1"});
  EXPECT_EQ(ChooseDumpsToRemove(dumps, {.max_size = 100}), Names());
  EXPECT_EQ(ChooseDumpsToRemove(dumps, {.max_size = 99}), Names{"1"});
  EXPECT_EQ(ChooseDumpsToRemove(dumps, {.max_size = 89}), (Names{"1", "2"}));
  EXPECT_EQ(ChooseDumpsToRemove(dumps, {.keep = 3, .max_size = 60}), (Names{"1", "2"}));
  EXPECT_EQ(ChooseDumpsToRemove(dumps, {.keep = 1, .max_size = 100}), (Names{"1", "2", "3"}));
}

TEST(ChooseDumpsToRemove, TheNewestStaysWhateverItTakes) {
  EXPECT_EQ(ChooseDumpsToRemove({{"1", 10, true}, {"2", 1000, true}}, {.max_size = 1}), Names{"1"});
  EXPECT_EQ(ChooseDumpsToRemove({{"1", 1000, true}}, {.keep = 1, .max_size = 1}), Names());
  EXPECT_EQ(ChooseDumpsToRemove({}, {.keep = 1}), Names());
}

TEST(ChooseDumpsToRemove, WhatMustStayCountsAndTheNextGoes) {
  const std::vector<KeptDump> dumps = {{"1", 10, false}, {"2", 10, true}, {"3", 10, false}, {"4", 10, true}};
  EXPECT_EQ(ChooseDumpsToRemove(dumps, {.keep = 3}), Names{"2"});
  EXPECT_EQ(ChooseDumpsToRemove(dumps, {.keep = 1}), Names{"2"});
}

class RetentionTest : public ::testing::Test {
 protected:
  // As crashes of earlier boots have left it.
  std::string Add(const std::string& time, uint64_t bytes = 4096) const {
    const std::string name = time + "-0123456789ab";
    const DumpInfo info{.attempt_id = std::string(32, 'a'),
                        .key_id = std::string(32, 'b'),
                        .state = "complete",
                        .vmcore = VmcoreFile::kPresent,
                        .vmcore_bytes = bytes};
    rig_.crash().WriteFile("kernel/dumps/" + name + "/info.json", info.ToJson());
    rig_.crash().WriteFile("kernel/dumps/" + name + "/vmcore", std::string(static_cast<size_t>(bytes), 'v'));
    return name;
  }
  std::vector<RecoverNote> Apply(const Retention& limits, const std::vector<RecoverNote>& notes = {},
                                 RetentionMode mode = RetentionMode::kRemove) {
    return ApplyRetention(rig_.crash_directory(), limits, rig_.keys(), notes, mode).TakeValue();
  }

  RecoveryRig rig_;
};

TEST_F(RetentionTest, NothingIsRemovedUnlessItIsAskedFor) {
  for (const char* time : {"20200101000000", "20210101000000", "20220101000000"}) Add(time);
  EXPECT_TRUE(Apply({}).empty());
  EXPECT_EQ(rig_.Dumps().size(), 3U);
}

TEST_F(RetentionTest, TheOldestGoWithANoteEach) {
  const std::string oldest = Add("20200101000000");
  const std::string older = Add("20210101000000");
  const std::string newest = Add("20220101000000");
  const auto would = Apply({.keep = 1}, {}, RetentionMode::kPreview);
  ASSERT_EQ(would.size(), 2U);
  EXPECT_EQ(would[0].kind, Kind::kRemoved);
  EXPECT_EQ(would[0].text, oldest + ": would be removed for KEEP=1");
  EXPECT_EQ(rig_.Dumps().size(), 3U);
  const auto notes = Apply({.keep = 1});
  ASSERT_EQ(notes.size(), 2U);
  EXPECT_EQ(notes[0].text, oldest + ": removed for KEEP=1");
  EXPECT_EQ(notes[1].text, older + ": removed for KEEP=1");
  EXPECT_EQ(rig_.Dumps(), Names{newest});
  EXPECT_TRUE(Apply({.keep = 1}).empty());
}

TEST_F(RetentionTest, BytesAreThoseOfTheDisk) {
  Add("20200101000000", kMiB);
  Add("20210101000000", kMiB);
  // Holes take no room.
  const std::string newest = Add("20220101000000");
  ASSERT_EQ(truncate(rig_.DumpFile(newest, kVmcoreName).c_str(), kGiB), 0);
  EXPECT_TRUE(Apply({.max_size = 3 * kMiB}).empty());
  const auto notes = Apply({.max_size = 2 * kMiB});
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(notes[0].text, "20200101000000-0123456789ab: removed for MAX_SIZE (2.0 MiB)");
}

TEST_F(RetentionTest, WhatTheRunHasPublishedStaysWhateverItsClockSaid) {
  const std::string now = Add("19700101000000");
  const std::string older = Add("20210101000000");
  const std::string newest = Add("20220101000000");
  Apply({.keep = 2}, {{Kind::kPublished, "", now}});
  EXPECT_EQ(rig_.Dumps(), (Names{now, newest}));
  // And in the next boot, in which nothing is new.
  const timespec later[2] = {{0, UTIME_OMIT}, {4'000'000'000, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, rig_.DumpFile(now, kDumpInfoName).c_str(), later, 0), 0);
  Apply({.keep = 1});
  EXPECT_EQ(rig_.Dumps(), Names{now});
}

TEST_F(RetentionTest, WhatTheHooksHaveNotSeenStays) {
  const std::string unseen = Add("20200101000000");
  rig_.crash().WriteFile("kernel/dumps/" + unseen + "/" + kUnannouncedName, "");
  Add("20210101000000");
  const std::string newest = Add("20220101000000");
  Apply({.keep = 1});
  EXPECT_EQ(rig_.Dumps(), (Names{unseen, newest}));
}

TEST_F(RetentionTest, WhatIsSomebodyElsesNowStaysAndIsNotTheNewest) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  const std::string given = Add("20200101000000");
  Add("20210101000000");
  const std::string newest = Add("20220101000000");
  ASSERT_EQ(chown((rig_.crash().path() + "/kernel/dumps/" + given).c_str(), 1, 1), 0);
  Apply({.keep = 1});
  EXPECT_EQ(rig_.Dumps(), (Names{given, newest}));
}

TEST_F(RetentionTest, APreviewCountsWhatWouldCome) {
  const std::string oldest = Add("20200101000000", kMiB);
  Add("20210101000000", kMiB);
  const RecoverNote coming = {Kind::kFound, "", "20220101000000-0123456789ab", 3 * kMiB};
  EXPECT_TRUE(Apply({.keep = 2}, {}, RetentionMode::kPreview).empty());
  EXPECT_EQ(Apply({.keep = 2}, {coming}, RetentionMode::kPreview).size(), 1U);
  EXPECT_EQ(Apply({.max_size = 5 * kMiB}, {coming}, RetentionMode::kPreview).size(), 1U);
  EXPECT_EQ(Apply({.max_size = 4 * kMiB}, {coming}, RetentionMode::kPreview).size(), 2U);
  EXPECT_EQ(rig_.Dumps().size(), 2U);
}

TEST_F(RetentionTest, WhatIsNotOursOrNotRecoveredStays) {
  const KeyRecord record = rig_.AddRecord(7);
  rig_.Place(RecoveryRig::PlanFor(record));
  rig_.Recover(UINT64_MAX);
  const std::string waits = rig_.Dumps().at(0);
  const std::string unreadable = Add("20000101000000");
  rig_.crash().WriteFile("kernel/dumps/" + unreadable + "/info.json", "{}");
  const std::string annotated = Add("20010101000000");
  rig_.crash().WriteFile("kernel/dumps/" + annotated + "/notes", "an administrator's");
  const std::string aside = "20020101000000-0123456789ab.foreign-00";
  ASSERT_EQ(rename(rig_.crash().Path("kernel/dumps/" + Add("20020101000000")).c_str(),
                   rig_.crash().Path("kernel/dumps/" + aside).c_str()),
            0);
  const std::string old = Add("20030101000000");
  const std::string newest = Add("20990101000000");
  const auto notes = Apply({.keep = 1, .max_size = 1});
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(notes[0].text, old + ": removed for KEEP=1 and MAX_SIZE (1 bytes)");
  EXPECT_EQ(rig_.Dumps(), (Names{unreadable, annotated, aside, waits, newest}));
}

TEST_F(RetentionTest, WithoutADirectoryThereIsNothing) {
  EXPECT_TRUE(Apply({.keep = 1}).empty());
  EXPECT_TRUE(rig_.Tree().empty());
}

// The rule that a real run follows, from the disk to the last dump that may stay.
TEST_F(RetentionTest, ARunKeepsWhatItPublishes) {
  const std::string older = Add("20200101000000");
  rig_.Place(RecoveryRig::PlanFor(rig_.AddRecord(7)));
  const std::vector<RecoverNote> preview = rig_.Preview();
  EXPECT_EQ(Apply({.keep = 1}, preview, RetentionMode::kPreview).size(), 1U);
  const std::vector<RecoverNote> notes = rig_.Recover();
  ASSERT_EQ(CountOf(notes, Kind::kPublished), 1U);
  EXPECT_EQ(Apply({.keep = 1}, notes).size(), 1U);
  EXPECT_EQ(rig_.Dumps(), Names{notes[0].dump});
}

}  // namespace
}  // namespace crashdump
