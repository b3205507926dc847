// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/options.h"

#include <gtest/gtest.h>

#include <array>

#include "cli/progress_bar.h"

namespace crashdump {
namespace {

constexpr auto kOptions = std::to_array<OptionSpec>({
    {"output", OptionKind::kText, "FILE", "where to", 'o', OptionNeed::kRequired},
    {"threads", OptionKind::kNumber, "N", "how many", 0, OptionNeed::kOptional, 1, 8},
    {"reserve", OptionKind::kSize, "SIZE", "how much"},
    {"force", OptionKind::kFlag, "", "do it", 'f'},
});
constexpr CommandSpec kSpec = {.name = "try",
                               .positional = "VMCORE",
                               .positional_minimum = 1,
                               .positional_maximum = 1,
                               .options = kOptions,
                               .help = "Tries.\n",
                               .example = "crashdump try"};

Result<CommandLine> Parse(std::vector<std::string> words) {
  static std::vector<std::string> kept;
  kept = std::move(words);
  static std::vector<char*> pointers;
  pointers.clear();
  for (std::string& word : kept) pointers.push_back(word.data());
  return CommandLine::Parse(kSpec, pointers);
}

std::string ErrorOf(std::vector<std::string> words) {
  const Result<CommandLine> line = Parse(std::move(words));
  return line.ok() ? "" : line.error().text();
}

TEST(CommandLine, ReadsOptionsInEveryForm) {
  const CommandLine line = Parse({"-o", "a", "core", "--threads=3", "--reserve", "2M", "-f"}).TakeValue();
  EXPECT_EQ(line.Text("output"), "a");
  EXPECT_EQ(line.Number("threads"), 3U);
  EXPECT_EQ(line.Number("reserve"), 2U << 20);
  EXPECT_TRUE(line.Has("force"));
  ASSERT_EQ(line.positional().size(), 1U);
  EXPECT_STREQ(line.positional()[0], "core");
}

TEST(CommandLine, TheLastOfTwoCountsAndDashesEndOptions) {
  const CommandLine line = Parse({"--output", "a", "--output=b", "--", "--force"}).TakeValue();
  EXPECT_EQ(line.Text("output"), "b");
  EXPECT_FALSE(line.Has("force"));
  EXPECT_STREQ(line.positional()[0], "--force");
  EXPECT_EQ(line.Number("threads"), std::nullopt);
  // A lone dash is a name.
  EXPECT_STREQ(Parse({"-o", "a", "-"}).TakeValue().positional()[0], "-");
}

TEST(CommandLine, SaysWhatIsWrong) {
  EXPECT_EQ(ErrorOf({"-o", "a", "core", "--froce"}), "unknown option --froce");
  EXPECT_EQ(ErrorOf({"-o", "a", "core", "-x"}), "unknown option -x");
  EXPECT_EQ(ErrorOf({"-o", "a", "core", "-ff"}), "unknown option -ff");
  EXPECT_EQ(ErrorOf({"core"}), "option --output FILE is missing");
  EXPECT_EQ(ErrorOf({"core", "-o"}), "a value is missing behind option -o");
  EXPECT_EQ(ErrorOf({"core", "-o", ""}), "option --output: the value is empty");
  EXPECT_EQ(ErrorOf({"-o", "a"}), "missing argument: VMCORE");
  EXPECT_EQ(ErrorOf({"-o", "a", "b", "c"}), "one argument too many: c");
  EXPECT_EQ(ErrorOf({"-o", "a", "b", "--force=1"}), "no value belongs to option --force");
  EXPECT_EQ(ErrorOf({"-o", "a", "b", "--threads", "9"}), "option --threads: 9 is not between 1 and 8");
  EXPECT_NE(ErrorOf({"-o", "a", "b", "--threads", "x"}), "");
  EXPECT_NE(ErrorOf({"-o", "a", "b", "--reserve", "x"}), "");
}

TEST(CommandLine, HelpNeedsNothingElse) {
  EXPECT_TRUE(Parse({"--help", "--nonsense"}).TakeValue().wants_help());
  EXPECT_NE(ErrorOf({"-o", "a", "--", "--help", "b"}), "");
}

TEST(ProgressText, CountsAndEstimates) {
  EXPECT_EQ(ProgressText(1 << 20, 4 << 20, 1000),
            "[#######.......................]  25 %  1.0 MiB of 4.0 MiB, 1.0 MiB/s, 0:03 left");
  EXPECT_EQ(ProgressText(0, 0, 0), "[##############################] 100 %  0 bytes of 0 bytes");
  EXPECT_NE(ProgressText(9, 5, 1).find("100 %"), std::string::npos);
}

}  // namespace
}  // namespace crashdump
