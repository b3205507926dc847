// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/screen/terminal_screen.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>

namespace crashdump {
namespace {

// A pseudo terminal: what is written to its other end is read here.
class TerminalScreenTest : public testing::Test {
 protected:
  void SetUp() override {
    master_ = UniqueFd(posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    ASSERT_TRUE(master_.valid());
    ASSERT_EQ(grantpt(master_.get()), 0);
    ASSERT_EQ(unlockpt(master_.get()), 0);
    std::array<char, 64> name{};
    ASSERT_EQ(ptsname_r(master_.get(), name.data(), name.size()), 0);
    path_ = name.data();
    Resize(25, 80);
    // Nothing is lost while nobody has the other end open.
    slave_ = UniqueFd(open(path_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  }

  void Resize(unsigned short rows, unsigned short columns) {
    const struct winsize window = {.ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    // musl's ioctl(2) takes an int, which POWER's number does not fit into as it is.
    ASSERT_EQ(ioctl(master_.get(), static_cast<int>(TIOCSWINSZ), &window), 0);
  }

  std::string Read() {
    std::string text;
    std::array<char, 4096> buffer{};
    while (true) {
      const ssize_t got = read(master_.get(), buffer.data(), buffer.size());
      if (got <= 0) return text;
      text.append(buffer.data(), static_cast<size_t>(got));
    }
  }

  UniqueFd master_;
  UniqueFd slave_;
  std::string path_;
};

bool Has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_F(TerminalScreenTest, IsWhiteOnBrown) {
  TerminalScreen screen = TerminalScreen::Open(path_.c_str()).TakeValue();
  screen.Show({.panic = "Kernel panic - not syncing: a test"});
  const std::string sent = Read();
  EXPECT_TRUE(Has(sent, "\x1b]P3aa5500"));
  EXPECT_TRUE(Has(sent, "\x1b[0;37;43m\x1b[H\x1b[2J"));
  EXPECT_TRUE(Has(sent, "\x1b[0;37;43m  Kernel panic - not syncing: a test\x1b[K"));
}

TEST_F(TerminalScreenTest, SendsWhatHasChanged) {
  TerminalScreen screen = TerminalScreen::Open(path_.c_str()).TakeValue();
  ScreenContent content = {.panic = "Kernel panic", .percent = 1};
  screen.Show(content);
  (void)Read();
  screen.Show(content);
  EXPECT_EQ(Read(), "");
  content.percent = 2;
  screen.Show(content);
  const std::string sent = Read();
  EXPECT_TRUE(Has(sent, "    2 %"));
  EXPECT_FALSE(Has(sent, "Kernel panic"));
  screen.Invalidate();
  screen.Show(content);
  EXPECT_TRUE(Has(Read(), "Kernel panic"));
}

TEST_F(TerminalScreenTest, DrawsAllOnAScreenOfAnotherSize) {
  TerminalScreen screen = TerminalScreen::Open(path_.c_str()).TakeValue();
  // More than there is room for.
  const ScreenContent content = {.panic = "Kernel panic", .trace = std::vector<std::string>(64, "a"), .footer = "last"};
  screen.Show(content);
  EXPECT_TRUE(Has(Read(), "\x1b[25;1H"));
  Resize(50, 160);
  screen.Show(content);
  const std::string sent = Read();
  EXPECT_TRUE(Has(sent, "\x1b[2J"));
  EXPECT_TRUE(Has(sent, "\x1b[50;1H"));
}

TEST_F(TerminalScreenTest, ATerminalThatTakesNothingIsNotWaitedFor) {
  TerminalScreen screen = TerminalScreen::Open(path_.c_str()).TakeValue();
  // Nobody reads: its buffer is full at some time.
  for (int i = 0; i < 200; ++i) {
    screen.Invalidate();
    screen.Show({.panic = std::string(70, static_cast<char>('a' + i % 26))});
  }
  (void)Read();
  // What was there is half of something.
  screen.Show({.panic = "at last"});
  const std::string sent = Read();
  EXPECT_TRUE(Has(sent, "\x1b[2J"));
  EXPECT_TRUE(Has(sent, "at last"));
}

TEST_F(TerminalScreenTest, ShowsACodeForPhonesWhereItHasRoom) {
  TerminalScreen screen = TerminalScreen::Open(path_.c_str()).TakeValue();
  constexpr std::string_view kUpperHalf = "\xdf";
  screen.Show({.panic = "Kernel panic"});
  EXPECT_FALSE(Has(Read(), kUpperHalf));
  Resize(48, 128);
  screen.Show({.panic = "Kernel panic"});
  const std::string small = Read();
  EXPECT_TRUE(Has(small, "\x1b%@\x1b(U"));
  // The margin is light, and behind it the rest of the row is brown again.
  EXPECT_TRUE(Has(small, "\x1b[0;30;47m    "));
  EXPECT_TRUE(Has(small, "    \x1b[0;37;43m\x1b[K"));
  EXPECT_TRUE(Has(small, kUpperHalf));
  // Another text is another code.
  ScreenContent content = {.panic = "Kernel panic", .trace = std::vector<std::string>(30, "a")};
  screen.Show(content);
  EXPECT_TRUE(Has(Read(), kUpperHalf));
  // Below it.
  content.percent = 2;
  screen.Show(content);
  const std::string below = Read();
  EXPECT_TRUE(Has(below, " 2 %"));
  EXPECT_FALSE(Has(below, kUpperHalf));
}

TEST_F(TerminalScreenTest, NothingThatIsTypedOrWrittenScrollsIt) {
  TerminalScreen screen = TerminalScreen::Open(path_.c_str()).TakeValue();
  screen.Show({.panic = "Kernel panic", .footer = "last"});
  EXPECT_TRUE(Read().ends_with("\x1b[H"));
  ASSERT_EQ(write(master_.get(), "\r\n\x13x", 4), 4);
  EXPECT_EQ(Read(), "");
  screen.Show({.panic = "Kernel panic", .footer = "more"});
  EXPECT_TRUE(Has(Read(), "more"));
}

TEST_F(TerminalScreenTest, LeavesATerminalAsEver) {
  TerminalScreen screen = TerminalScreen::Open(path_.c_str()).TakeValue();
  screen.Show({.panic = "Kernel panic"});
  (void)Read();
  ResetTerminal(slave_.get());
  EXPECT_EQ(Read(), "\x1b\x63\x1b]R");
  ASSERT_EQ(write(slave_.get(), "a\nb", 3), 3);
  EXPECT_EQ(Read(), "a\r\nb");
}

TEST_F(TerminalScreenTest, OpensTerminalsOnly) {
  EXPECT_FALSE(TerminalScreen::Open("/dev/null").ok());
  EXPECT_FALSE(TerminalScreen::Open("/nonexistent").ok());
  TerminalScreen none;
  none.Show({.panic = "nowhere"});
  EXPECT_FALSE(none.is_open());
}

}  // namespace
}  // namespace crashdump
