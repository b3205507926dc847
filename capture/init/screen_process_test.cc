// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/screen_process.h"

#include <gtest/gtest.h>
#include <sys/ioctl.h>

#include "capture/init/test_support.h"

namespace crashdump {
namespace {

class ScreenProcessTest : public SignalTest {
 protected:
  ScreenProcess Start() {
    Result<ScreenProcess> started = ScreenProcess::Start(terminal_.device().c_str());
    EXPECT_TRUE(started.ok());
    return started.ok() ? started.TakeValue() : ScreenProcess();
  }

  std::optional<Key> AwaitKey(ScreenProcess& screen) {
    pollfd ready = {.fd = screen.keys_fd(), .events = POLLIN, .revents = 0};
    (void)poll(&ready, 1, 5000);
    return screen.ReadKey();
  }

  // Until the process is gone.
  static bool HasEnded(pid_t pid) {
    for (const uint64_t end_ms = NowMs() + 5000; NowMs() < end_ms; usleep(10'000)) {
      if (Reap(pid)) return true;
    }
    return false;
  }

  SerialLine terminal_;
};

TEST_F(ScreenProcessTest, DrawsWhatItIsGiven) {
  ScreenProcess screen = Start();
  ASSERT_TRUE(screen.is_running());
  screen.Show({.panic = "Kernel panic - not syncing: first", .trace = {"one", "two"}});
  const std::string first = terminal_.ReceiveUntil("  two");
  EXPECT_NE(first.find("Kernel panic - not syncing: first"), std::string::npos) << first;
  screen.Show({.panic = "Kernel panic - not syncing: second"});
  EXPECT_NE(terminal_.ReceiveUntil("second").find("second"), std::string::npos);
}

TEST_F(ScreenProcessTest, DrawsAgainFromTimeToTime) {
  ScreenProcess screen = Start();
  screen.Show({.panic = "Kernel panic", .footer = "the end"});
  (void)terminal_.ReceiveUntil("the end");
  std::string again;
  for (int i = 0; i < 5 && again.find("the end") == std::string::npos; ++i) again += terminal_.ReceiveUntil("the end");
  EXPECT_NE(again.find("Kernel panic"), std::string::npos);
}

TEST_F(ScreenProcessTest, AHangingOneHoldsUpNobodyAndShowsTheLatestAfterwards) {
  ScreenProcess screen = Start();
  ASSERT_EQ(kill(screen.pid(), SIGSTOP), 0);
  const uint64_t begin_ms = NowMs();
  for (int i = 0; i < 2000; ++i) screen.Show({.panic = std::string(500, 'x') + std::to_string(i)});
  EXPECT_LT(NowMs() - begin_ms, 5000U);  // a pipe holds some hundred of them
  ASSERT_EQ(kill(screen.pid(), SIGCONT), 0);
  std::string shown;
  for (const uint64_t end_ms = NowMs() + 10'000; shown.find("the last") == std::string::npos && NowMs() < end_ms;) {
    screen.Show({.panic = "the last"});
    shown = terminal_.ReceiveUntil("the last");
  }
  EXPECT_NE(shown.find("the last"), std::string::npos);
}

TEST_F(ScreenProcessTest, KeysComeOneByOneAndAreNotShown) {
  ScreenProcess screen = Start();
  EXPECT_FALSE(screen.ReadKey());
  terminal_.Send("y\x03");
  const std::optional<Key> key = AwaitKey(screen);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->value, 'y');
  EXPECT_EQ(key->terminal, terminal_.device());
  const std::optional<Key> control_c = AwaitKey(screen);
  ASSERT_TRUE(control_c);
  EXPECT_EQ(control_c->value, '\x03');
  screen.Show({.panic = "Kernel panic"});
  EXPECT_TRUE(terminal_.ReceiveUntil("Kernel panic").starts_with("\x1b"));
}

TEST_F(ScreenProcessTest, EndsWithItsOwner) {
  pid_t pid = -1;
  {
    const ScreenProcess screen = Start();
    pid = screen.pid();
  }
  EXPECT_TRUE(HasEnded(pid));
}

TEST_F(ScreenProcessTest, OneThatIsGoneIsNoLongerShown) {
  ScreenProcess screen = Start();
  ASSERT_EQ(kill(screen.pid(), SIGKILL), 0);
  ASSERT_TRUE(HasEnded(screen.pid()));
  screen.Show({.panic = "Kernel panic"});
  EXPECT_FALSE(screen.is_running());
  EXPECT_FALSE(screen.ReadKey());
  EXPECT_EQ(screen.keys_fd(), -1);
}

TEST_F(ScreenProcessTest, KeepsNoDescriptorOfInits) {
  const Result<UniqueFd> other = OpenFile("/dev/null", O_WRONLY);
  ASSERT_TRUE(other.ok());
  const ScreenProcess screen = Start();
  const std::string of_process = "/proc/" + std::to_string(screen.pid()) + "/fd/";
  EXPECT_EQ(access((of_process + std::to_string(other.value().get())).c_str(), F_OK), -1);
  EXPECT_EQ(access((of_process + "0").c_str(), F_OK), 0);
}

TEST_F(ScreenProcessTest, WithoutATerminalItSaysSo) {
  const Result<ScreenProcess> none = ScreenProcess::Start("/nonexistent");
  ASSERT_FALSE(none.ok());
  EXPECT_NE(std::string(none.error().text()).find("/nonexistent"), std::string::npos) << none.error().text();
  EXPECT_FALSE(ScreenProcess::Start("/dev/null").ok());
  ScreenProcess screen;
  screen.Show({.panic = "nowhere"});
  EXPECT_FALSE(screen.is_running());
}

}  // namespace
}  // namespace crashdump
