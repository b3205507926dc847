// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/status_reporter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>

#include "common/base/io.h"
#include "common/base/unique_fd.h"

namespace crashdump {
namespace {

class StatusReporterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe2(ends.data(), O_NONBLOCK), 0);
    lines_.Reset(ends[0]);
    child_.Reset(ends[1]);
    ASSERT_EQ(pipe(ends.data()), 0);
    answers_.Reset(ends[0]);
    init_.Reset(ends[1]);
  }

  // What was reported up to now.
  std::string Read() {
    std::array<char, 65536> buffer;
    const ssize_t got = read(lines_.get(), buffer.data(), buffer.size());
    return got > 0 ? std::string(buffer.data(), static_cast<size_t>(got)) : "";
  }

  UniqueFd lines_, child_;
  UniqueFd answers_, init_;
};

TEST_F(StatusReporterTest, WritesTheLinesOfTheProtocol) {
  const StatusReporter status(child_.get());
  status.Stage("target");
  status.Target("vda2");
  status.MessagesSafe();
  status.Progress({.done_bytes = 1, .total_bytes = 22, .written_bytes = 333});
  status.Note("hm");
  status.Result("incomplete", "half of it");
  status.Failed("no");
  status.Confirm("swap 1234");
  status.Crash("panic", "Kernel panic");
  status.Crash("cause", "");
  EXPECT_EQ(Read(),
            "stage target\ntarget vda2\nmessages-safe\nprogress 1 22 333\nnote hm\nresult incomplete half of it\n"
            "failed no\nconfirm swap 1234\ncrash panic Kernel panic\n");
}

TEST_F(StatusReporterTest, WhatTheVmcoreSaysCannotForgeLines) {
  const StatusReporter status(child_.get());
  status.Note("first\nresult complete\x1b[2J");
  EXPECT_EQ(Read(), "note first result complete\\x1b[2J\n");
  status.Failed(std::string(5000, 'x'));
  EXPECT_LT(Read().size(), 1024U);
}

TEST_F(StatusReporterTest, ShowsTheLastMessages) {
  const StatusReporter status(child_.get());
  status.Messages("one\ntwo\nthree\n", 2);
  EXPECT_EQ(Read(), "message two\nmessage three\n");
  status.Messages("one\ntwo\n", 9);
  EXPECT_EQ(Read(), "message one\nmessage two\n");
  status.Messages("only", 1);
  EXPECT_EQ(Read(), "message only\n");
  status.Messages("", 3);
  EXPECT_EQ(Read(), "");
}

TEST_F(StatusReporterTest, GoesOnAtGoOrWhenInitIsGoneOrTimeIsUp) {
  using Clock = std::chrono::steady_clock;
  const StatusReporter status(child_.get(), answers_.get());
  const Clock::time_point begin = Clock::now();
  ASSERT_TRUE(WriteFull(init_.get(), BytesOf(std::string_view("go\n"))).ok());
  status.AwaitGo(60);
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(30));
  const Clock::time_point second = Clock::now();
  status.AwaitGo(1);
  EXPECT_GE(Clock::now() - second, std::chrono::milliseconds(900));
  init_.Reset();
  const Clock::time_point third = Clock::now();
  status.AwaitGo(60);
  EXPECT_LT(Clock::now() - third, std::chrono::seconds(30));
}

TEST_F(StatusReporterTest, OnlyYesIsYes) {
  const StatusReporter status(child_.get(), answers_.get());
  ASSERT_TRUE(WriteFull(init_.get(), BytesOf(std::string_view("yes\n"))).ok());
  EXPECT_TRUE(status.AwaitYes(60));
  for (const std::string_view answer : {"no\n", "go\n", "y", "yes", "\n"}) {
    ASSERT_TRUE(WriteFull(init_.get(), BytesOf(answer)).ok());
    EXPECT_FALSE(status.AwaitYes(60)) << answer;
  }
  EXPECT_FALSE(status.AwaitYes(1));
  init_.Reset();
  EXPECT_FALSE(status.AwaitYes(60));
}

}  // namespace
}  // namespace crashdump
