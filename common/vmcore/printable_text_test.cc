// SPDX-License-Identifier: GPL-2.0-or-later
// EscapeControl lets through what can be shown, and nothing else.
#include "common/vmcore/printable_text.h"

#include <gtest/gtest.h>

namespace crashdump {
namespace {

using std::literals::operator""sv;

TEST(EscapeControl, AsciiPasses) {
  std::string printable;
  for (char c = 0x20; c < 0x7f; ++c) printable += c;
  EXPECT_EQ(EscapeControl(printable), printable);
  EXPECT_EQ(EscapeControl("a\tb\nc"), "a\tb\nc");
  EXPECT_EQ(EscapeControl(""), "");
}

TEST(EscapeControl, ControlsDoNot) {
  EXPECT_EQ(EscapeControl("\x1b[31m\r\a\v\x7f\0x"sv), "\\x1b[31m\\x0d\\x07\\x0b\\x7f\\x00x");
  EXPECT_EQ(EscapeControl("\xc2\x9b"), "\\xc2\\x9b");  // C1: a control sequence introducer
}

TEST(EscapeControl, Utf8) {
  for (const std::string_view good : {"caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xc2\xa0", "\xef\xbf\xbd"}) {
    EXPECT_EQ(EscapeControl(good), good);
  }
}

TEST(EscapeControl, BadUtf8) {
  EXPECT_EQ(EscapeControl("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(EscapeControl("\x80"), "\\x80");
  EXPECT_EQ(EscapeControl("\xc3"), "\\xc3");                             // cut off
  EXPECT_EQ(EscapeControl("\xe2\x82"), "\\xe2\\x82");                    // cut off
  EXPECT_EQ(EscapeControl("\xe2\x82x"), "\\xe2\\x82x");                  // the x is not swallowed
  EXPECT_EQ(EscapeControl("\xc0\x8a"), "\\xc0\\x8a");                    // a newline made too long
  EXPECT_EQ(EscapeControl("\xe0\x80\x8a"), "\\xe0\\x80\\x8a");           // likewise
  EXPECT_EQ(EscapeControl("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(EscapeControl("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
  EXPECT_EQ(EscapeControl("\xf8\x88\x80\x80\x80"), "\\xf8\\x88\\x80\\x80\\x80");
}

TEST(EscapeControl, DirectionAndLineSeparators) {
  // NOLINTBEGIN(misc-misleading-bidirectional): such text is what must not come through.
  EXPECT_EQ(EscapeControl("\u202e"), "\\xe2\\x80\\xae");
  EXPECT_EQ(EscapeControl("\u2066"), "\\xe2\\x81\\xa6");
  // NOLINTEND(misc-misleading-bidirectional)
  EXPECT_EQ(EscapeControl("\u2028"), "\\xe2\\x80\\xa8");
  EXPECT_EQ(EscapeControl("\u200f"), "\\xe2\\x80\\x8f");
  EXPECT_EQ(EscapeControl("\u061c"), "\\xd8\\x9c");
  EXPECT_EQ(EscapeControl("\u202f\u2010"), "\u202f\u2010");  // their neighbours
}

}  // namespace
}  // namespace crashdump
