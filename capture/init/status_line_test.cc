// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/status_line.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "capture/init/line_buffer.h"
#include "capture/init/printable.h"

namespace crashdump {
namespace {

using Kind = StatusLine::Kind;

TEST(StatusLineTest, KnowsEachKind) {
  EXPECT_EQ(ParseStatusLine("stage probe").kind, Kind::kStage);
  EXPECT_EQ(ParseStatusLine("target vda2 uuid").kind, Kind::kTarget);
  EXPECT_EQ(ParseStatusLine("target vda2 uuid").text, "vda2 uuid");
  EXPECT_EQ(ParseStatusLine("messages-safe").kind, Kind::kMessagesSafe);
  EXPECT_EQ(ParseStatusLine("note a  b").text, "a  b");
  EXPECT_EQ(ParseStatusLine("result complete 5 pages").kind, Kind::kResult);
  EXPECT_EQ(ParseStatusLine("result complete 5 pages").text, "complete 5 pages");
  EXPECT_EQ(ParseStatusLine("failed no target").kind, Kind::kFailed);
  EXPECT_EQ(ParseStatusLine("message  <TASK>").kind, Kind::kMessage);
  EXPECT_EQ(ParseStatusLine("message  <TASK>").text, " <TASK>");
  const StatusLine progress = ParseStatusLine("progress 1 18446744073709551615 3");
  EXPECT_EQ(progress.kind, Kind::kProgress);
  EXPECT_EQ(progress.progress, (Progress{.done = 1, .total = UINT64_MAX, .written = 3}));
}

TEST(StatusLineTest, WhatIsNotOfTheProtocolIsANoteInFull) {
  for (const char* text :
       {"", "assertion failed", "messages-safe 1", "messages-safer", "progress", "progress 1 2", "progress 1 2 3 4",
        "progress 1 2 x", "progress -1 2 3", "progress  1 2 3", " stage x", "Result complete"}) {
    const StatusLine line = ParseStatusLine(text);
    EXPECT_EQ(line.kind, Kind::kNote) << text;
    EXPECT_EQ(line.text, text);
  }
}

TEST(LineBufferTest, CutsAStreamIntoLines) {
  LineBuffer buffer;
  std::vector<std::string> lines;
  const auto collect = [&](std::string_view line) { lines.emplace_back(line); };
  buffer.Feed("on", collect);
  EXPECT_TRUE(lines.empty());
  buffer.Feed("e\n\ntwo\nthr", collect);
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "", "two"}));
  buffer.Finish(collect);
  buffer.Finish(collect);
  EXPECT_EQ(lines.back(), "thr");
  EXPECT_EQ(lines.size(), 4U);
}

TEST(LineBufferTest, ALongLineIsCutAndTheNextOneIsWhole) {
  LineBuffer buffer;
  std::vector<std::string> lines;
  buffer.Feed(std::string(5000, 'x') + "\nnext\n", [&](std::string_view line) { lines.emplace_back(line); });
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], std::string(LineBuffer::kMostBytes, 'x'));
  EXPECT_EQ(lines[1], "next");
}

TEST(PrintableTest, LeavesNothingThatATerminalActsUpon) {
  EXPECT_EQ(Printable("a\tb ~"), "a b ~");
  EXPECT_EQ(Printable("\x1b[31mred\r\n\x07\x7f"), "?[31mred????");
  EXPECT_EQ(Printable("\x9b\xc3\xa9"), "???");
  EXPECT_EQ(Printable(std::string_view("\0x", 2)), "?x");
}

}  // namespace
}  // namespace crashdump
