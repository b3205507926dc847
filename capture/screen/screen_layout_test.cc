// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/screen/screen_layout.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace crashdump {
namespace {

using Words = std::vector<std::string>;

ScreenContent Sample() {
  ScreenContent content;
  content.panic = "Kernel panic - not syncing: sysrq triggered crash";
  content.kernel = "Linux 6.1.0-50-amd64";
  content.machine = "QEMU Standard PC (Q35 + ICH9, 2009)";
  content.process = "CPU: 2 PID: 412 Comm: sh";
  for (int i = 0; i < 12; ++i) content.trace.push_back("function_" + std::to_string(i) + "+0x1/0x2");
  content.target = "/dev/vda2, swap 01234567";
  content.activity = "Writing the memory image";
  content.percent = 42;
  content.progress = "1.6 GiB of 3.8 GiB, 310 MiB/s, 0:07 left";
  return content;
}

// The row in which it stands, or the number of rows.
size_t RowOf(const Words& rows, std::string_view text) {
  const auto found = std::find_if(rows.begin(), rows.end(),
                                  [&](const std::string& row) { return row.find(text) != std::string::npos; });
  return static_cast<size_t>(found - rows.begin());
}

TEST(WrapWords, BreaksBetweenWords) {
  EXPECT_EQ(WrapWords("one two three", 8), (Words{"one two", "three"}));
  EXPECT_EQ(WrapWords("one two three", 7), (Words{"one two", "three"}));
  EXPECT_EQ(WrapWords("one two three", 6), (Words{"one", "two", "three"}));
  EXPECT_EQ(WrapWords("one", 3), (Words{"one"}));
}

TEST(WrapWords, BreaksAWordThatIsTooLong) {
  EXPECT_EQ(WrapWords("abcdefgh ij", 3), (Words{"abc", "def", "gh", "ij"}));
  EXPECT_EQ(WrapWords("   abcdef", 4), (Words{"   a", "bcde", "f"}));
  EXPECT_EQ(WrapWords("ab", 0), (Words{"a", "b"}));
}

TEST(WrapWords, AnEmptyTextIsOneLine) {
  EXPECT_EQ(WrapWords("", 10), (Words{""}));
  EXPECT_EQ(WrapWords("     ", 2).size(), 3U);
}

TEST(ScreenLayout, EverythingHasItsPlaceAt80By25) {
  const Words rows = LayOutScreen(Sample(), {80, 25});
  ASSERT_EQ(rows.size(), 25U);
  const Words order = {"has crashed",         "not syncing: sysrq", "Kernel    Linux",    "Machine   QEMU",
                       "Running   CPU: 2",    "Call trace",         "function_0+0x1/0x2", "and ",
                       "Saved to  /dev/vda2", "Writing the",        "]   42 %",           "310 MiB/s"};
  size_t before = 0;
  for (const std::string& text : order) {
    const size_t row = RowOf(rows, text);
    ASSERT_LT(row, rows.size()) << text;
    EXPECT_GT(row, before) << text;
    before = row;
  }
}

TEST(ScreenLayout, ALargeScreenHasAllOfTheTrace) {
  const Words rows = LayOutScreen(Sample(), {240, 67});
  EXPECT_LT(RowOf(rows, "function_11"), rows.size());
  EXPECT_EQ(RowOf(rows, " more"), rows.size());
}

TEST(ScreenLayout, ALongPanicLineIsShownInFull) {
  ScreenContent content = Sample();
  content.panic = "Kernel panic - not syncing:";
  for (int i = 0; i < 60; ++i) content.panic += " word" + std::to_string(i);
  const Words rows = LayOutScreen(content, {80, 25});
  for (int i = 0; i < 60; ++i) EXPECT_LT(RowOf(rows, "word" + std::to_string(i)), rows.size()) << i;
  EXPECT_LT(RowOf(rows, "]   42 %"), rows.size());
}

TEST(ScreenLayout, WhatIsDoneIsWorthMoreThanTheCause) {
  ScreenContent content = Sample();
  content.panic += std::string(300, 'p');
  content.cause = std::string(2000, 'c');
  const Words rows = LayOutScreen(content, {80, 25});
  EXPECT_LT(RowOf(rows, "]   42 %"), rows.size());
  EXPECT_LT(RowOf(rows, "ccccc"), rows.size());
}

TEST(ScreenLayout, TheOutcomeStandsInPlaceOfTheProgress) {
  ScreenContent content = Sample();
  content.outcome = {"The dump is complete."};
  content.footer = "The machine restarts in 5 s.";
  const Words rows = LayOutScreen(content, {80, 25});
  EXPECT_EQ(rows.back(), "  The machine restarts in 5 s.");
  EXPECT_EQ(rows[rows.size() - 2], "  The dump is complete.");
  EXPECT_EQ(RowOf(rows, "310 MiB/s"), rows.size());
  EXPECT_EQ(RowOf(rows, "switch the machine off"), rows.size());
}

TEST(ScreenLayout, WhatIsDoneStandsBelowTheTrace) {
  ScreenContent content = Sample();
  const Words rows = LayOutScreen(content, {240, 67});
  EXPECT_EQ(RowOf(rows, "Saved to"), RowOf(rows, "function_11") + 2);
}

TEST(ScreenLayout, MessagesThatAreSavedNowhereAreShownWhereTheyHaveRoom) {
  ScreenContent content = Sample();
  for (int i = 0; i < 40; ++i) content.messages.push_back("[1.0] message " + std::to_string(i) + ".");
  const Words large = LayOutScreen(content, {240, 67});
  EXPECT_LT(RowOf(large, "message 39."), RowOf(large, "Saved to"));
  EXPECT_LT(RowOf(large, "function_11"), RowOf(large, "message 39."));
  EXPECT_EQ(RowOf(large, "message 0."), large.size());
  const Words small = LayOutScreen(content, {80, 25});
  EXPECT_EQ(RowOf(small, "message 39."), small.size());
  EXPECT_LT(RowOf(small, "function_0"), small.size());
}

TEST(ScreenLayout, ACodeStandsToTheRightOfTheText) {
  for (const ScreenSize size : {ScreenSize{128, 48}, ScreenSize{160, 64}, ScreenSize{240, 67}}) {
    const QrCode code = QrCode::Encode(LinesToTakeAlong(Sample()), RoomForCode(size));
    ASSERT_GT(code.modules(), 0U);
    const Words rows = LayOutScreen(Sample(), size, code);
    ASSERT_EQ(rows.size(), size.rows);
    const size_t left = size.columns - 2 - code.modules();
    for (size_t y = 0; y < rows.size(); ++y) {
      const bool beside = y >= 1 && y <= (code.modules() + 1) / 2;
      EXPECT_EQ(rows[y].find_first_of(kModulePairs), beside ? left : std::string::npos);
      EXPECT_EQ(rows[y].size() == size.columns - 2, beside);
      if (!beside) continue;
      // A gap, and then what the code says of two rows of modules.
      EXPECT_EQ(rows[y].substr(left - 2, 2), "  ");
      for (unsigned x = 0; x < code.modules(); ++x) {
        const unsigned row = 2 * static_cast<unsigned>(y - 1);
        const unsigned pair = (code.IsDark(x, row) ? 1U : 0U) | (code.IsDark(x, row + 1) ? 2U : 0U);
        ASSERT_EQ(rows[y][left + x], kModulePairs[pair]);
      }
    }
    EXPECT_LT(RowOf(rows, "not syncing: sysrq"), rows.size());
    EXPECT_LT(RowOf(rows, "function_11+0x1/0x2"), rows.size());
  }
}

TEST(ScreenLayout, ACodeThatHasNoRoomIsLeftOut) {
  EXPECT_LT(RoomForCode({80, 25}), 29U);  // the smallest of all
  EXPECT_EQ(RoomForCode({1000, 2}), 0U);
  const QrCode code = QrCode::Encode({"x"}, 177);
  ASSERT_EQ(code.modules(), 29U);
  EXPECT_EQ(LayOutScreen(Sample(), {80, 25}, code), LayOutScreen(Sample(), {80, 25}));
  EXPECT_EQ(LayOutScreen(Sample(), {200, 10}, code), LayOutScreen(Sample(), {200, 10}));
}

TEST(ScreenLayout, NoSizeIsTooSmallOrTooLarge) {
  ScreenContent content = Sample();
  content.outcome = {std::string(300, 'x')};
  for (const ScreenContent& each : {Sample(), content, ScreenContent()}) {
    for (unsigned columns = 1; columns < 300; columns += columns < 60 ? 1 : 37) {
      for (unsigned height = 1; height < 120; height += height < 40 ? 1 : 13) {
        const QrCode code = QrCode::Encode({"a short text"}, RoomForCode({columns, height}));
        const Words rows = LayOutScreen(each, {columns, height}, code);
        ASSERT_EQ(rows.size(), height);
        for (const std::string& row : rows) ASSERT_LE(row.size(), columns) << columns << "x" << height;
        if (!each.panic.empty() && columns >= 60 && height >= 8) {
          ASSERT_LT(RowOf(rows, "not syncing"), rows.size()) << columns << "x" << height;
        }
      }
    }
  }
}

TEST(ScreenLayout, TheBarIsFullAtTheEndOnly) {
  ScreenContent content = Sample();
  content.percent = 99;
  EXPECT_LT(RowOf(LayOutScreen(content, {80, 25}), ".]   99 %"), 25U);
  content.percent = 100;
  EXPECT_LT(RowOf(LayOutScreen(content, {80, 25}), "#]  100 %"), 25U);
  content.percent = 0;
  EXPECT_LT(RowOf(LayOutScreen(content, {80, 25}), "[..."), 25U);
}

}  // namespace
}  // namespace crashdump
