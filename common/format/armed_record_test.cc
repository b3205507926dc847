// SPDX-License-Identifier: GPL-2.0-or-later
// ArmedRecord: survives its text form, and tells the loaded key only when that is sure.
#include "common/format/armed_record.h"

#include <gtest/gtest.h>

#include "common/testing/fake_state_directory.h"

namespace crashdump {
namespace {

ArmedRecord Example() {
  ArmedRecord record;
  record.state = ArmedState::kArmed;
  record.boot_id = "boot-1";
  record.key_id = {1, 2, 3};
  record.region_id = {4, 5, 6};
  record.target = "version=1\ndevice=one two=three\n";
  return record;
}

TEST(ArmedRecord, SurvivesItsTextForm) {
  const Result<ArmedRecord> parsed = ArmedRecord::Parse(Example().ToText());
  ASSERT_TRUE(parsed.ok()) << parsed.error().text();
  EXPECT_EQ(parsed.value(), Example());
}

TEST(ArmedRecord, SaysWhoHasLoaded) {
  ArmedRecord record = Example();
  record.method = LoadMethod::kKexecTools;
  std::string text = record.ToText();
  EXPECT_NE(text.find("loaded-by=kexec-tools\n"), std::string::npos) << text;
  EXPECT_EQ(ArmedRecord::Parse(text).value().method, LoadMethod::kKexecTools);
  text.replace(text.find("kexec-tools"), 11, "grub");
  EXPECT_EQ(ArmedRecord::Parse(text).error().code(), ErrorCode::kCorrupt);
}

TEST(ArmedRecord, AnUnknownStateIsCorrupt) {
  std::string text = Example().ToText();
  text.replace(text.find("armed"), 5, "alive");
  EXPECT_EQ(ArmedRecord::Parse(text).error().code(), ErrorCode::kCorrupt);
}

TEST(ArmedRecord, IsAbsentWithoutAFile) {
  FakeStateDirectory run;
  const auto record = ReadArmedRecord(run);
  ASSERT_TRUE(record.ok());
  EXPECT_FALSE(record.value().has_value());
}

TEST(LoadedKey, IsKnownOnlyFromAFinishedLoadOfThisBoot) {
  ArmedRecord record = Example();
  EXPECT_EQ(LoadedKey(record, "boot-1"), record.key_id);
  EXPECT_EQ(LoadedKey(record, "boot-2"), std::nullopt);
  EXPECT_EQ(LoadedKey(std::nullopt, "boot-1"), std::nullopt);
  record.state = ArmedState::kLoading;
  EXPECT_EQ(LoadedKey(record, "boot-1"), std::nullopt);
}

}  // namespace
}  // namespace crashdump
