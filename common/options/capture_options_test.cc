// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/options/capture_options.h"

#include <gtest/gtest.h>

namespace crashdump {
namespace {

TEST(OptionsTest, OtherProgramsWordsAreNotOurs) {
  const ParsedOptions parsed = ParseOptions("BOOT_IMAGE=/vmlinuz root=UUID=1 quiet panic=10 xcrashdump.timeout=5\n");
  EXPECT_TRUE(parsed.notes.empty());
  EXPECT_EQ(parsed.options.timeout_ms, 0U);
  EXPECT_EQ(parsed.options.stall_ms, 120'000U);
  EXPECT_TRUE(parsed.options.hold.empty());
  EXPECT_TRUE(parsed.options.capture_arguments.empty());
}

TEST(OptionsTest, TakesTimes) {
  const ParsedOptions parsed = ParseOptions("crashdump.timeout=600 crashdump.stall=7 crashdump.linger=3600");
  EXPECT_TRUE(parsed.notes.empty());
  EXPECT_EQ(parsed.options.timeout_ms, 600'000U);
  EXPECT_EQ(parsed.options.stall_ms, 7'000U);
  EXPECT_EQ(parsed.options.linger_ms, 3'600'000U);
  EXPECT_EQ(ParseOptions("crashdump.linger=0").options.linger_ms, 0U);
  EXPECT_EQ(ParseOptions("crashdump.device_wait=60").options.capture_arguments,
            (std::vector<std::string>{"--device-seconds", "60"}));
}

TEST(OptionsTest, TheLastOneCounts) {
  EXPECT_EQ(ParseOptions("crashdump.stall=7 crashdump.stall=9").options.stall_ms, 9'000U);
  const ParsedOptions parsed = ParseOptions("crashdump.threads=1 crashdump.threads=2");
  EXPECT_EQ(parsed.options.capture_arguments, (std::vector<std::string>{"--threads", "2"}));
}

TEST(OptionsTest, AValueMayEqualAnOptionsName) {
  const ParsedOptions parsed = ParseOptions("crashdump.status_port=--threads crashdump.threads=2");
  EXPECT_EQ(parsed.options.status_port, "--threads");
  EXPECT_EQ(parsed.options.capture_arguments, (std::vector<std::string>{"--threads", "2"}));
}

TEST(OptionsTest, AWrongValueIsNotedAndTheDefaultStays) {
  for (const char* word : {"crashdump.stall=0",
                           "crashdump.stall=",
                           "crashdump.stall",
                           "crashdump.stall=12s",
                           "crashdump.stall=-1",
                           "crashdump.stall=99999999999",
                           "crashdump.timeout=604801",
                           "crashdump.linger=604801",
                           "crashdump.no_such=1",
                           "crashdump.=1",
                           "crashdump.status_port=",
                           "crashdump.status_port=../sda",
                           "crashdump.status_port=..",
                           "crashdump.hold=start",
                           "crashdump.threads",
                           "crashdump.threads=0",
                           "crashdump.threads=257",
                           "crashdump.device_wait=2",
                           "crashdump.device_wait=3601",
                           "crashdump.dump_level=32",
                           "crashdump.compression_level=20",
                           "crashdump.compression_level=0",
                           "crashdump.screen=blue",
                           "crashdump.screen=",
                           "crashdump.final=sleep",
                           "crashdump.shell=",
                           "crashdump.shell=now",
                           "crashdump.confirm=",
                           "crashdump.confirm=yes",
                           "crashdump.confirm=86401",
                           "crashdump.confirm_default=1",
                           "crashdump.pstore=efi"}) {
    const ParsedOptions parsed = ParseOptions(word);
    ASSERT_EQ(parsed.notes.size(), 1U) << word;
    EXPECT_TRUE(parsed.notes[0].starts_with(std::string(word).substr(0, 14))) << parsed.notes[0];
    EXPECT_EQ(parsed.options.stall_ms, 120'000U) << word;
    EXPECT_EQ(parsed.options.timeout_ms, 0U) << word;
    EXPECT_EQ(parsed.options.linger_ms, 30'000U) << word;
    EXPECT_EQ(parsed.options.shell, ShellTime::kNever) << word;
    EXPECT_EQ(parsed.options.confirm_ms, 0U) << word;
    EXPECT_FALSE(parsed.options.pstore) << word;
    EXPECT_TRUE(parsed.options.confirm_default) << word;
    EXPECT_EQ(parsed.options.status_port, "") << word;
    EXPECT_TRUE(parsed.options.hold.empty()) << word;
    EXPECT_EQ(parsed.options.screen, ScreenMode::kPlain) << word;
    EXPECT_EQ(parsed.options.final, FinalAction::kReboot) << word;
    EXPECT_TRUE(parsed.options.capture_arguments.empty()) << word;
  }
}

TEST(OptionsTest, TakesWords) {
  EXPECT_EQ(ParseOptions("crashdump.screen=brown").options.screen, ScreenMode::kBrown);
  EXPECT_EQ(ParseOptions("crashdump.screen=off").options.screen, ScreenMode::kOff);
  EXPECT_EQ(ParseOptions("crashdump.screen=brown crashdump.screen=plain").options.screen, ScreenMode::kPlain);
  EXPECT_EQ(ParseOptions("crashdump.final=poweroff").options.final, FinalAction::kPowerOff);
  EXPECT_EQ(ParseOptions("crashdump.final=halt").options.final, FinalAction::kHalt);
  EXPECT_EQ(ParseOptions("crashdump.shell").options.shell, ShellTime::kAfter);
  EXPECT_EQ(ParseOptions("crashdump.shell=before").options.shell, ShellTime::kBefore);
  EXPECT_EQ(ParseOptions("crashdump.shell=on-failure").options.shell, ShellTime::kOnFailure);
  EXPECT_FALSE(ParseOptions("crashdump.confirm_default=no").options.confirm_default);
  EXPECT_TRUE(ParseOptions("crashdump.pstore").options.pstore);
  EXPECT_FALSE(ParseOptions("crashdump.pstore=no").options.pstore);
  EXPECT_EQ(ParseOptions("crashdump.confirm=20").options.confirm_ms, 20'000U);
}

TEST(OptionsTest, WhatIsAllowedIsNamed) {
  EXPECT_EQ(ParseOptions("crashdump.screen=blue").notes.at(0),
            "crashdump.screen=blue: ignored: none of brown, plain, off");
  EXPECT_EQ(ParseOptions("crashdump.threads=many").notes.at(0),
            "crashdump.threads=many: ignored: not a number from 1 to 256");
  EXPECT_EQ(ParseOptions("crashdump.compression_level=20").notes.at(0),
            "crashdump.compression_level=20: ignored: neither auto nor a number from 1 to 19");
}

TEST(OptionsTest, AShellNeedsTimeToAskForIt) {
  const ParsedOptions parsed = ParseOptions("crashdump.shell crashdump.linger=0");
  ASSERT_EQ(parsed.notes.size(), 1U);
  EXPECT_EQ(parsed.options.shell, ShellTime::kNever);
}

TEST(OptionsTest, TakesHolds) {
  const ParsedOptions parsed = ParseOptions("crashdump.status_port=p crashdump.hold=start,reboot");
  EXPECT_TRUE(parsed.notes.empty());
  EXPECT_TRUE(parsed.options.hold.Contains(Stage::kStart));
  EXPECT_FALSE(parsed.options.hold.Contains(Stage::kMessagesSafe));
  EXPECT_TRUE(parsed.options.hold.Contains(Stage::kReboot));
  EXPECT_EQ(parsed.options.hold_ms, 60'000U);
}

TEST(OptionsTest, AHoldMayHaveItsOwnDeadline) {
  const ParsedOptions parsed = ParseOptions("crashdump.hold=messages-safe:300 crashdump.status_port=p");
  EXPECT_TRUE(parsed.notes.empty());
  EXPECT_TRUE(parsed.options.hold.Contains(Stage::kMessagesSafe));
  EXPECT_EQ(parsed.options.hold_ms, 300'000U);
}

TEST(OptionsTest, AWrongHoldHoldsNowhere) {
  for (const char* value : {"start,end", "start,", ",", "start:0", "start:", "start:x", ":5"}) {
    const ParsedOptions parsed = ParseOptions(std::string("crashdump.status_port=p crashdump.hold=") + value);
    EXPECT_EQ(parsed.notes.size(), 1U) << value;
    EXPECT_TRUE(parsed.options.hold.empty()) << value;
  }
}

TEST(OptionsTest, QuotesHoldBlanksTogether) {
  const ParsedOptions parsed = ParseOptions("x=\"a crashdump.stall=3\" \"crashdump.status_port=a b\"");
  EXPECT_TRUE(parsed.notes.empty());
  EXPECT_EQ(parsed.options.stall_ms, 120'000U);
  EXPECT_EQ(parsed.options.status_port, "a b");
}

}  // namespace
}  // namespace crashdump
