// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/colour.h"

#include <gtest/gtest.h>

namespace crashdump {
namespace {

TEST(PainterTest, PaintsForATerminal) {
  EXPECT_EQ(Painter(true, "xterm", nullptr, false).Paint(Colour::kGreen, "armed"), "\x1b[32marmed\x1b[0m");
  EXPECT_EQ(Painter(true, "xterm", "", false).Paint(Colour::kRed, "not armed"), "\x1b[31mnot armed\x1b[0m");
}

TEST(PainterTest, LeavesItToThoseWhoDoNotWantIt) {
  for (const Painter& painter : {Painter(false, "xterm", nullptr, false), Painter(true, nullptr, nullptr, false),
                                 Painter(true, "", nullptr, false), Painter(true, "dumb", nullptr, false),
                                 Painter(true, "xterm", "1", false), Painter(true, "xterm", nullptr, true)}) {
    EXPECT_EQ(painter.Paint(Colour::kYellow, "warning"), "warning");
  }
}

}  // namespace
}  // namespace crashdump
