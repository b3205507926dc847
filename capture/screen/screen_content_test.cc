// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/screen/screen_content.h"

#include <gtest/gtest.h>

namespace crashdump {
namespace {

ScreenContent FromLines(std::string_view lines) {
  ScreenContent content;
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    AddContentLine(lines.substr(0, end), content);
    lines.remove_prefix(end + 1);
  }
  return content;
}

TEST(ScreenContent, GoesThroughLinesAndBack) {
  const ScreenContent all = {.panic = "Kernel panic - not syncing: x",
                             .cause = "BUG: kernel NULL pointer",
                             .kernel = "Linux 6.1",
                             .machine = "A machine",
                             .process = "sh, PID 1, on CPU 2",
                             .trace = {"first", "second"},
                             .messages = {"[1.0] one", "[2.0] two"},
                             .target = "vda2",
                             .activity = "Saving",
                             .percent = 0,
                             .progress = "1 of 2",
                             .question = {"Write there?", "y or n"},
                             .outcome = {"Saved", "indeed"},
                             .footer = "The end"};
  EXPECT_EQ(FromLines(ContentLines(all)), all);
  EXPECT_EQ(ContentLines({}), "");
  EXPECT_EQ(ContentLines({.trace = {"a b"}, .percent = 7}), "trace a b\npercent 7\n");
}

TEST(ScreenContent, ThePanicIsTheFirstToBeTakenAlong) {
  EXPECT_EQ(LinesToTakeAlong({.panic = "panic",
                              .cause = "cause",
                              .kernel = "Linux",
                              .machine = "A machine",
                              .process = "sh",
                              .trace = {"a", "b"}}),
            (std::vector<std::string>{"panic", "Linux", "cause", "a", "b", "sh"}));
  EXPECT_TRUE(LinesToTakeAlong({}).empty());
}

TEST(ScreenContent, OtherLinesAddNothing) {
  EXPECT_EQ(FromLines("\npanic\nnobody knows\npercent x\n"), ScreenContent());
}

}  // namespace
}  // namespace crashdump
