// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/options.h"

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
  const ParsedOptions parsed = ParseOptions("crashdump.dump_level=--threads crashdump.threads=2");
  EXPECT_EQ(parsed.options.capture_arguments,
            (std::vector<std::string>{"--dump-level", "--threads", "--threads", "2"}));
}

TEST(OptionsTest, AWrongValueIsNotedAndTheDefaultStays) {
  for (const char* word :
       {"crashdump.stall=0", "crashdump.stall=", "crashdump.stall", "crashdump.stall=12s", "crashdump.stall=-1",
        "crashdump.stall=99999999999", "crashdump.timeout=604801", "crashdump.linger=604801", "crashdump.no_such=1",
        "crashdump.=1", "crashdump.status_port=", "crashdump.status_port=../sda", "crashdump.status_port=..",
        "crashdump.hold=start", "crashdump.threads", "crashdump.screen=blue",
        "crashdump.screen=", "crashdump.final=sleep"}) {
    const ParsedOptions parsed = ParseOptions(word);
    ASSERT_EQ(parsed.notes.size(), 1U) << word;
    EXPECT_TRUE(parsed.notes[0].starts_with(std::string(word).substr(0, 14))) << parsed.notes[0];
    EXPECT_EQ(parsed.options.stall_ms, 120'000U) << word;
    EXPECT_EQ(parsed.options.timeout_ms, 0U) << word;
    EXPECT_EQ(parsed.options.linger_ms, 10'000U) << word;
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
  EXPECT_EQ(ParseOptions("crashdump.screen=blue").notes.at(0),
            "crashdump.screen=blue: ignored: none of brown, plain, off");
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
