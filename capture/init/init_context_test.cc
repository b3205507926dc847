// SPDX-License-Identifier: GPL-2.0-or-later
// Waiting, holds and steps, with a serial line as the host and real children.
#include "capture/init/init_context.h"

#include <gtest/gtest.h>

#include "capture/init/reboot.h"
#include "capture/init/steps.h"
#include "capture/init/test_support.h"

namespace crashdump {
namespace {

class InitContextTest : public SignalTest {
 protected:
  InitContextTest() {
    directory_.Write("console", "");
    const std::string list = directory_.Write("active", "console");
    EXPECT_TRUE(init_.console.OpenActive(list.c_str(), directory_.path().c_str()).ok());
    EXPECT_EQ(symlink(host_.device().c_str(), directory_.Path("port").c_str()), 0);
    EXPECT_TRUE(init_.port.Open("/nonexistent", directory_.path().c_str(), "port").ok());
  }

  ScratchDirectory directory_;
  SerialLine host_;
  InitContext init_;
};

TEST_F(InitContextTest, AStageThatIsNotHeldIsOneLine) {
  PassStage(init_, Stage::kStart);
  EXPECT_EQ(host_.ReceiveUntil("\n"), "stage start\n");
}

TEST_F(InitContextTest, ALostScreenGivesTheTerminalsBack) {
  SerialLine display;
  ASSERT_EQ(symlink(display.device().c_str(), directory_.Path("tty1").c_str()), 0);
  const std::string list = directory_.Write("active", "tty1");
  ASSERT_TRUE(init_.console.OpenActive(list.c_str(), directory_.path().c_str()).ok());
  init_.console.LeaveTerminals();
  init_.screen.process = ScreenProcess::Start(display.device().c_str()).TakeValue();
  for (int deaths = 1; deaths <= 3; ++deaths) {
    init_.screen.content.panic = "Kernel panic " + std::to_string(deaths);
    RefreshScreen(init_);
    EXPECT_NE(display.ReceiveUntil(init_.screen.content.panic).find(init_.screen.content.panic), std::string::npos);
    ASSERT_EQ(kill(init_.screen.process.pid(), SIGKILL), 0);
    // Reaps it.
    Pause(init_, 200);
  }
  init_.screen.content.panic = "Kernel panic, again";
  RefreshScreen(init_);
  EXPECT_FALSE(init_.screen.is_shown());
  // In the colours of a console, and with the ends of lines that it needs.
  const std::string seen = display.ReceiveUntil("ended\r\n");
  EXPECT_NE(seen.find("\x1b\x63\x1b]R"), std::string::npos) << seen;
  EXPECT_NE(seen.find("crashdump: note: the screen: " + display.device() + ": what draws there has ended\r\n"),
            std::string::npos)
      << seen;
  RefreshScreen(init_);
  init_.console.Line("once");
  EXPECT_EQ(display.ReceiveUntil("once\r\n"), "crashdump: once\r\n");
}

TEST_F(InitContextTest, AHeldStageWaitsForGo) {
  init_.options.hold.Add(Stage::kReboot);
  const Result<ChildProcess> host = ChildProcess::Call([&] {
    const bool asked = host_.ReceiveUntil("hold reboot\n") == "stage reboot\nhold reboot\n";
    usleep(100'000);
    host_.Send("go\n");
    return asked;
  });
  const uint64_t begin_ms = NowMs();
  // The end of the other process is no go.
  PassStage(init_, Stage::kReboot);
  EXPECT_GE(NowMs() - begin_ms, 90U);
  EXPECT_LT(NowMs() - begin_ms, 20'000U);
  EXPECT_EQ(directory_.Read("console"), "crashdump: held at stage reboot\n");
}

TEST_F(InitContextTest, AGoFromBeforeTheHoldDoesNotCountAndAHoldHasAnEnd) {
  init_.options.hold.Add(Stage::kStart);
  init_.options.hold_ms = 150;
  host_.Send("go\n");
  const uint64_t begin_ms = NowMs();
  PassStage(init_, Stage::kStart);
  EXPECT_GE(NowMs() - begin_ms, 150U);
  EXPECT_EQ(host_.ReceiveUntil("in time\n"), "stage start\nhold start\nnote stage start: no go came in time\n");
}

TEST_F(InitContextTest, AHostMayAnswerToTheStageLine) {
  init_.options.hold.Add(Stage::kStart);
  const Result<ChildProcess> host = ChildProcess::Call([&] {
    (void)host_.ReceiveUntil("stage start\n");
    host_.Send("go\n");
    return true;
  });
  const uint64_t begin_ms = NowMs();
  PassStage(init_, Stage::kStart);
  EXPECT_LT(NowMs() - begin_ms, 20'000U);
}

TEST_F(InitContextTest, WithoutAPortNothingIsHeld) {
  init_.port = StatusPort();
  init_.options.hold.Add(Stage::kStart);
  const uint64_t begin_ms = NowMs();
  PassStage(init_, Stage::kStart);
  EXPECT_LT(NowMs() - begin_ms, 5'000U);
}

TEST_F(InitContextTest, TheEndOfAChildEndsAWait) {
  const Result<ChildProcess> child = ChildProcess::Call([] {
    usleep(100'000);
    return true;
  });
  ASSERT_TRUE(child.ok());
  const uint64_t begin_ms = NowMs();
  EXPECT_EQ(WaitForEnd(init_, child.value(), begin_ms + 30'000), 0);
  EXPECT_LT(NowMs() - begin_ms, 900U);  // by SIGCHLD, not at the next tick
}

TEST_F(InitContextTest, AHostThatIsGoneDoesNotMakeInitSpin) {
  host_ = SerialLine();  // hangs up
  const uint64_t begin_ms = NowMs();
  int rounds = 0;
  for (; NowMs() < begin_ms + 300; ++rounds) {
    (void)WaitForEvents(init_, {}, begin_ms + 300);
  }
  EXPECT_LT(rounds, 20);
}

TEST_F(InitContextTest, PauseTakesItsTime) {
  const uint64_t begin_ms = NowMs();
  Pause(init_, 120);
  EXPECT_GE(NowMs() - begin_ms, 120U);
}

// --- steps -----------------------------------------------------------------------------------------------------------

int g_steps_run = 0;
Result<> Succeed(InitContext&) {
  ++g_steps_run;
  return {};
}
Result<> Fail(InitContext&) { return Error::Format(ErrorCode::kNotFound, "not there"); }
Result<> Hang(InitContext&) {
  while (true) pause();
}
Result<> Crash(InitContext&) {
  signal(SIGTERM, SIG_DFL);
  raise(SIGTERM);
  return {};
}

constexpr Step kGood = {"good", Succeed, Step::Need::kRequired, Step::Place::kInit, 1000};

TEST_F(InitContextTest, AnOptionalStepMayFailOrHangOrCrash) {
  g_steps_run = 0;
  const std::array steps = {
      kGood,
      Step{"absent", Fail, Step::Need::kOptional, Step::Place::kInit, 1000},
      Step{"far", Fail, Step::Need::kOptional, Step::Place::kChild, 20'000},
      Step{"hanging", Hang, Step::Need::kOptional, Step::Place::kChild, 100},
      Step{"crashing", Crash, Step::Need::kOptional, Step::Place::kChild, 20'000},
      kGood,
  };
  EXPECT_TRUE(RunSteps(init_, steps).ok());
  EXPECT_EQ(g_steps_run, 2);
  EXPECT_EQ(directory_.Read("console"),
            "crashdump: note: absent: not there\n"
            "crashdump: note: far: not there\n"
            "crashdump: note: far: failed\n"
            "crashdump: note: hanging: not done after 0 s\n"
            "crashdump: note: crashing: ended by signal 15\n");
  Pause(init_, 100);  // reaps the hanging one
}

TEST_F(InitContextTest, ARequiredStepThatFailsIsTheEnd) {
  g_steps_run = 0;
  const std::array steps = {kGood, Step{"vital", Fail, Step::Need::kRequired, Step::Place::kInit, 1000}, kGood};
  const Result<> done = RunSteps(init_, steps);
  ASSERT_FALSE(done.ok());
  EXPECT_STREQ(done.error().text(), "vital: not there");
  EXPECT_EQ(g_steps_run, 1);
}

TEST_F(InitContextTest, ASuccessfulStepInAChildIsSilent) {
  const std::array steps = {Step{"far", Succeed, Step::Need::kRequired, Step::Place::kChild, 20'000}};
  EXPECT_TRUE(RunSteps(init_, steps).ok());
  EXPECT_EQ(directory_.Read("console"), "");
}

// --- the reboot ------------------------------------------------------------------------------------------------------

int g_resets = 0;
void CountReset() { ++g_resets; }
void ReturnAtOnce() {}
void HangForever() {
  while (true) pause();
}

TEST_F(InitContextTest, EachFinalActionHasAWayOfItsOwnAndEndsInAResetElse) {
  const RebootWays reboot = WaysTo(FinalAction::kReboot);
  const RebootWays power_off = WaysTo(FinalAction::kPowerOff);
  const RebootWays halt = WaysTo(FinalAction::kHalt);
  EXPECT_TRUE(reboot.orderly != power_off.orderly && power_off.orderly != halt.orderly &&
              halt.orderly != reboot.orderly);
  for (const RebootWays& ways : {reboot, power_off, halt}) {
    EXPECT_EQ(ways.reset, ResetBySysrq);
    EXPECT_GT(ways.orderly_ms, 0U);
  }
}

TEST_F(InitContextTest, WhenRebootReturnsTheResetFollowsAtOnce) {
  g_resets = 0;
  const uint64_t begin_ms = NowMs();
  RebootMachine(init_, {.orderly = ReturnAtOnce, .reset = CountReset, .orderly_ms = 30'000, .reset_ms = 0});
  EXPECT_EQ(g_resets, 1);
  EXPECT_LT(NowMs() - begin_ms, 10'000U);
}

TEST_F(InitContextTest, WhenRebootHangsTheResetFollowsAtTheDeadline) {
  g_resets = 0;
  const uint64_t begin_ms = NowMs();
  RebootMachine(init_, {.orderly = HangForever, .reset = CountReset, .orderly_ms = 200, .reset_ms = 0});
  EXPECT_EQ(g_resets, 1);
  EXPECT_GE(NowMs() - begin_ms, 200U);
  EXPECT_EQ(directory_.Read("console"), "crashdump: reboot(2) hangs\n");
}

}  // namespace
}  // namespace crashdump
