// SPDX-License-Identifier: GPL-2.0-or-later
// The person at a terminal: keys that count, keys that do not, and a shell.
#include "capture/init/count_down.h"

#include <gtest/gtest.h>

#include "capture/init/lone_keys.h"
#include "capture/init/test_support.h"

namespace crashdump {
namespace {

class CountDownTest : public SignalTest {
 protected:
  CountDownTest() {
    EXPECT_EQ(symlink(line_.device().c_str(), directory_.Path("ttyS0").c_str()), 0);
    const std::string list = directory_.Write("active", "ttyS0");
    EXPECT_TRUE(init_.console.OpenActive(list.c_str(), directory_.path().c_str()).ok());
  }

  // A person, in a process, since the count down runs here (and reaps it). What he saw last stands in the file "seen".
  template <typename Function>
  void Start(Function person) {
    EXPECT_TRUE(ChildProcess::Call([&] {
                  const std::string part = directory_.Write("part", person());
                  return rename(part.c_str(), directory_.Path("seen").c_str()) == 0;
                }).ok());
  }
  void TypeWhen(std::string_view text, std::string_view keys) {
    Start([&] {
      std::string seen = line_.ReceiveUntil(text);
      for (const char key : keys) {
        usleep(1'500'000);
        line_.Send({&key, 1});
      }
      return seen;
    });
  }
  std::string Seen() const {
    for (int i = 0; i < 500 && access(directory_.Path("seen").c_str(), F_OK) != 0; ++i) usleep(10'000);
    return directory_.Read("seen");
  }

  uint64_t Run(uint64_t duration_ms, bool offers_shell = false, const std::string& shell = "/nonexistent") {
    const uint64_t begin_ms = NowMs();
    RunCountDown(init_, {.what_follows = "The machine restarts",
                         .duration_ms = duration_ms,
                         .offers_shell = offers_shell,
                         .is_quiet = false,
                         .longest_hold_ms = 40'000,
                         .shell = {.path = shell.c_str(), .name = "sh"}});
    return NowMs() - begin_ms;
  }

  ScratchDirectory directory_;
  SerialLine line_;
  InitContext init_;
};

TEST_F(CountDownTest, EndsByItself) {
  const uint64_t took_ms = Run(1200);
  EXPECT_GE(took_ms, 1200U);
  EXPECT_LT(took_ms, 30'000U);
  EXPECT_EQ(line_.ReceiveUntil("wait)\r\n"), "crashdump: The machine restarts in 2 s (space: wait)\r\n");
}

TEST_F(CountDownTest, SpaceHoldsItAndEndsTheHold) {
  Start([&] {
    (void)line_.ReceiveUntil("wait)");
    usleep(LoneKeys::kTooEarlyMs * 1000 + 100'000);
    line_.Send(" ");
    std::string seen = line_.ReceiveUntil("go on)");
    usleep(1'500'000);
    line_.Send(" ");
    return seen;
  });
  EXPECT_LT(Run(20'000), 30'000U);
  EXPECT_NE(Seen().find("The machine restarts in 40 s (space: go on)"), std::string::npos) << Seen();
}

TEST_F(CountDownTest, OtherKeysDoNothingAndWithoutAnOfferThereIsNoShell) {
  const std::string shell = directory_.MakeScript("shell", "echo ran >" + directory_.Path("ran"));
  TypeWhen("wait)", "\rn\x03\x04q");
  EXPECT_GE(Run(8000, false, shell), 8000U);
  EXPECT_NE(Seen().find("wait)"), std::string::npos);
  EXPECT_EQ(access(directory_.Path("ran").c_str(), F_OK), -1);
}

TEST_F(CountDownTest, WhatWasTypedBeforeDoesNotCount) {
  line_.Send("    \r");
  usleep(100'000);
  const uint64_t took_ms = Run(1200, true);
  EXPECT_GE(took_ms, 1200U);
  EXPECT_LT(took_ms, 30'000U);
}

TEST_F(CountDownTest, EnterGivesAShellOnThatTerminal) {
  // It reads a line from its terminal, of which it is the controlling process.
  const std::string shell = directory_.MakeScript(
      "shell", "echo ready; read word; tty; echo got $word >/dev/tty; [ -e /proc/self/fd/9 ] || echo end");
  ASSERT_EQ(dup2(STDERR_FILENO, 9), 9);  // a descriptor of init's
  Start([&] {
    (void)line_.ReceiveUntil("a shell here)");
    usleep(LoneKeys::kTooEarlyMs * 1000 + 100'000);
    line_.Send("\r");
    (void)line_.ReceiveUntil("ready");
    line_.Send("hello\r");
    return line_.ReceiveUntil("\r\nend");
  });
  const uint64_t took_ms = Run(60'000, true, shell);
  EXPECT_LT(took_ms, 30'000U);
  // Echoed by the terminal, and answered.
  EXPECT_NE(Seen().find("hello\r\n" + line_.device() + "\r\ngot hello\r\nend"), std::string::npos) << Seen();
  (void)close(9);
  // The terminal gives its keys one by one again.
  line_.Send("z");
  std::optional<Key> key;
  for (int i = 0; i < 5 && !key; ++i) key = WaitForEvents(init_, {.keys = true}, NowMs() + 1000).key;
  ASSERT_TRUE(key);
  EXPECT_EQ(key->value, 'z');
}

TEST_F(CountDownTest, AShellThatCannotBeRunIsNamedAndTheCountDownGoesOn) {
  TypeWhen("a shell here)", "\r");
  EXPECT_GE(Run(3000, true), 3000U);
  EXPECT_NE(
      line_.ReceiveUntil("No such file").find("note: no shell on " + directory_.Path("ttyS0") + ": /nonexistent: "),
      std::string::npos);
}

TEST_F(CountDownTest, ALineThatEchoesHoldsNothing) {
  Start([&] {
    std::string seen = line_.ReceiveUntil("wait; Enter: a shell here)\r\n");
    usleep(LoneKeys::kTooEarlyMs * 1000 + 100'000);
    line_.Send(seen);
    return seen;
  });
  const uint64_t took_ms = Run(3000, true);
  EXPECT_GE(took_ms, 3000U);
  EXPECT_LT(took_ms, 30'000U);
}

}  // namespace
}  // namespace crashdump
