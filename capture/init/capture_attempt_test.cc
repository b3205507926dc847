// SPDX-License-Identifier: GPL-2.0-or-later
// The rules of an attempt, with a clock that the test moves.
#include "capture/init/capture_attempt.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace crashdump {
namespace {

using Action = CaptureAttempt::Action;
using End = CaptureAttempt::End;

constexpr AttemptLimits kLimits = {.stall_ms = 100, .end_ms = kNever, .hold_ms = 0, .death_ms = 10};

constexpr int Exited(int status) { return status << 8; }

Action Say(CaptureAttempt& attempt, std::string_view line, uint64_t now_ms) {
  return attempt.OnLine(ParseStatusLine(line), now_ms);
}

TEST(CaptureAttemptTest, AResultAndExitZeroIsDone) {
  CaptureAttempt attempt(kLimits, 0);
  EXPECT_EQ(Say(attempt, "stage probe", 1), Action::kNone);
  EXPECT_EQ(Say(attempt, "messages-safe", 2), Action::kAnswerGo);
  EXPECT_EQ(Say(attempt, "progress 1 2 3", 3), Action::kNone);
  EXPECT_EQ(Say(attempt, "result complete \x1b[1m7 pages", 4), Action::kNone);
  EXPECT_EQ(attempt.end(), End::kRunning);
  attempt.OnExit(Exited(0), 5000);
  EXPECT_EQ(attempt.end(), End::kDone);
  EXPECT_EQ(attempt.reason(), "complete ?[1m7 pages");
  EXPECT_FALSE(attempt.may_try_again());
  EXPECT_EQ(attempt.WakeAt(), kNever);
}

TEST(CaptureAttemptTest, ExitZeroWithoutAResultIsAFailure) {
  CaptureAttempt attempt(kLimits, 0);
  attempt.OnExit(Exited(0), 5000);
  EXPECT_EQ(attempt.end(), End::kFailed);
  EXPECT_TRUE(attempt.may_try_again());
}

TEST(CaptureAttemptTest, AResultDoesNotExcuseAFailureBehindIt) {
  CaptureAttempt attempt(kLimits, 0);
  Say(attempt, "result complete", 1);
  Say(attempt, "failed last flush", 2);
  attempt.OnExit(Exited(0), 5000);
  EXPECT_EQ(attempt.end(), End::kFailed);
  CaptureAttempt other(kLimits, 0);
  Say(other, "result complete", 1);
  other.OnExit(SIGSEGV, 5000);
  EXPECT_EQ(other.end(), End::kFailed);
  EXPECT_EQ(other.reason(), "the capture program was ended by signal 11");
}

TEST(CaptureAttemptTest, AFailureBeforeMessagesSafeAllowsAnother) {
  CaptureAttempt attempt(kLimits, 0);
  Say(attempt, "failed write at 4096: I/O error", 1);
  attempt.OnExit(Exited(1), 5000);
  EXPECT_EQ(attempt.end(), End::kFailed);
  EXPECT_EQ(attempt.reason(), "write at 4096: I/O error");
  EXPECT_TRUE(attempt.may_try_again());
}

TEST(CaptureAttemptTest, AFailureAfterMessagesSafeDoesNot) {
  CaptureAttempt attempt(kLimits, 0);
  Say(attempt, "messages-safe", 1);
  attempt.OnExit(SIGKILL, 5000);
  EXPECT_EQ(attempt.end(), End::kFailed);
  EXPECT_TRUE(attempt.messages_safe());
  EXPECT_FALSE(attempt.may_try_again());
}

TEST(CaptureAttemptTest, ARefusalIsFinal) {
  CaptureAttempt attempt(kLimits, 0);
  Say(attempt, "failed UUID differs", 1);
  attempt.OnExit(Exited(kExitRefused), 5000);
  EXPECT_EQ(attempt.end(), End::kRefused);
  EXPECT_EQ(attempt.reason(), "UUID differs");
  EXPECT_FALSE(attempt.may_try_again());
}

TEST(CaptureAttemptTest, SilenceKills) {
  CaptureAttempt attempt(kLimits, 1000);
  EXPECT_EQ(attempt.WakeAt(), 1100U);
  EXPECT_EQ(attempt.OnTime(1099), Action::kNone);
  EXPECT_EQ(attempt.OnTime(1100), Action::kKill);
  EXPECT_EQ(attempt.WakeAt(), 1110U);
  EXPECT_EQ(attempt.OnTime(1109), Action::kNone);
  attempt.OnExit(SIGKILL, 5000);
  EXPECT_EQ(attempt.end(), End::kFailed);
  EXPECT_EQ(attempt.reason(), "no progress for 0 s");
  EXPECT_TRUE(attempt.may_try_again());
}

TEST(CaptureAttemptTest, EachLineIsProgressButTheSameNumbersAreNot) {
  CaptureAttempt attempt(kLimits, 0);
  Say(attempt, "note waiting for disks", 90);
  EXPECT_EQ(attempt.WakeAt(), 190U);
  Say(attempt, "progress 1 10 0", 150);
  EXPECT_EQ(attempt.WakeAt(), 250U);
  Say(attempt, "progress 1 10 0", 200);
  EXPECT_EQ(attempt.WakeAt(), 250U);
  Say(attempt, "progress 1 10 5", 210);
  EXPECT_EQ(attempt.WakeAt(), 310U);
}

TEST(CaptureAttemptTest, WhoCannotBeKilledIsLeftAndNobodyElseWrites) {
  CaptureAttempt attempt(kLimits, 0);
  EXPECT_EQ(attempt.OnTime(100), Action::kKill);
  EXPECT_EQ(attempt.OnTime(110), Action::kGiveUp);
  EXPECT_EQ(attempt.end(), End::kUnkillable);
  EXPECT_FALSE(attempt.may_try_again());
  attempt.OnExit(SIGKILL, 5000);
  EXPECT_EQ(attempt.end(), End::kUnkillable);
}

TEST(CaptureAttemptTest, ExitZeroOfOneThatWasKilledIsNoSuccess) {
  CaptureAttempt attempt(kLimits, 0);
  Say(attempt, "result complete", 0);
  EXPECT_EQ(attempt.OnTime(100), Action::kKill);
  attempt.OnExit(Exited(0), 5000);
  EXPECT_EQ(attempt.end(), End::kFailed);
}

TEST(CaptureAttemptTest, MessagesSafeCountsEvenFromOneThatIsBeingKilled) {
  CaptureAttempt attempt(kLimits, 0);
  EXPECT_EQ(attempt.OnTime(100), Action::kKill);
  EXPECT_EQ(Say(attempt, "messages-safe", 101), Action::kAnswerGo);
  attempt.OnExit(SIGKILL, 5000);
  EXPECT_FALSE(attempt.may_try_again());
}

TEST(CaptureAttemptTest, TheWholeCapturesEndKillsInSpiteOfProgressAndForGood) {
  AttemptLimits limits = kLimits;
  limits.end_ms = 150;
  CaptureAttempt attempt(limits, 0);
  Say(attempt, "progress 1 10 0", 90);
  EXPECT_EQ(attempt.WakeAt(), 150U);
  EXPECT_EQ(attempt.OnTime(150), Action::kKill);
  attempt.OnExit(SIGKILL, 5000);
  EXPECT_EQ(attempt.reason(), "the time set by crashdump.timeout is over");
  EXPECT_FALSE(attempt.may_try_again());
}

TEST(CaptureAttemptTest, AHoldWaitsForGoAndItsTimeDoesNotCount) {
  AttemptLimits limits = kLimits;
  limits.hold_ms = 1000;
  limits.end_ms = 150;
  CaptureAttempt attempt(limits, 0);
  EXPECT_EQ(attempt.OnGo(5), Action::kNone);
  EXPECT_EQ(Say(attempt, "messages-safe", 10), Action::kHold);
  EXPECT_EQ(attempt.WakeAt(), 1010U);
  EXPECT_EQ(attempt.OnTime(900), Action::kNone);
  EXPECT_EQ(attempt.OnGo(910), Action::kAnswerGo);
  EXPECT_EQ(attempt.OnGo(911), Action::kNone);
  EXPECT_EQ(attempt.held_ms(), 900U);
  EXPECT_EQ(attempt.WakeAt(), 1010U);  // stalled at 910 + 100; the end is at 150 + 900
  EXPECT_EQ(Say(attempt, "progress 1 10 0", 1000), Action::kNone);
  EXPECT_EQ(attempt.WakeAt(), 1050U);
}

TEST(CaptureAttemptTest, AHoldHasAnEnd) {
  AttemptLimits limits = kLimits;
  limits.hold_ms = 1000;
  CaptureAttempt attempt(limits, 0);
  EXPECT_EQ(Say(attempt, "messages-safe", 10), Action::kHold);
  EXPECT_EQ(attempt.OnTime(1010), Action::kAnswerGo);
  EXPECT_EQ(Say(attempt, "messages-safe", 1020), Action::kAnswerGo);
  EXPECT_EQ(attempt.WakeAt(), 1120U);
}

TEST(CaptureAttemptTest, AQuestionWaitsForItsAnswerAndItsTimeDoesNotCount) {
  AttemptLimits limits = kLimits;
  limits.confirm_ms = 1000;
  CaptureAttempt attempt(limits, 0);
  EXPECT_EQ(attempt.OnAnswer(true, 5), Action::kNone);
  EXPECT_EQ(Say(attempt, "confirm what was proven", 10), Action::kAsk);
  EXPECT_TRUE(attempt.asking());
  EXPECT_EQ(attempt.WakeAt(), 1010U);
  EXPECT_EQ(attempt.OnGo(500), Action::kNone);  // that is no answer to it
  EXPECT_EQ(attempt.OnTime(900), Action::kNone);
  EXPECT_EQ(attempt.OnAnswer(true, 910), Action::kAnswerYes);
  EXPECT_EQ(attempt.OnAnswer(false, 911), Action::kNone);
  EXPECT_FALSE(attempt.asking());
  EXPECT_TRUE(attempt.confirmed());
  EXPECT_EQ(attempt.held_ms(), 900U);
  EXPECT_EQ(attempt.WakeAt(), 1010U);  // stalled at 910 + 100

  CaptureAttempt declined(limits, 0);
  Say(declined, "confirm x", 10);
  EXPECT_EQ(declined.OnAnswer(false, 20), Action::kAnswerNo);
  EXPECT_FALSE(declined.confirmed());
  EXPECT_TRUE(declined.declined());
}

TEST(CaptureAttemptTest, SilenceIsTheDefaultAnswer) {
  AttemptLimits limits = kLimits;
  limits.confirm_ms = 1000;
  CaptureAttempt yes(limits, 0);
  Say(yes, "confirm x", 10);
  EXPECT_EQ(yes.OnTime(1010), Action::kAnswerYes);
  limits.confirm_default = false;
  CaptureAttempt no(limits, 0);
  Say(no, "confirm x", 10);
  EXPECT_EQ(no.OnTime(1010), Action::kAnswerNo);
}

TEST(CaptureAttemptTest, WhoAsksUnaskedMayGoOnButNotOneThatIsBeingKilled) {
  CaptureAttempt attempt(kLimits, 0);
  EXPECT_EQ(Say(attempt, "confirm x", 10), Action::kAnswerYes);
  EXPECT_EQ(attempt.OnTime(110), Action::kKill);
  EXPECT_EQ(Say(attempt, "confirm x", 111), Action::kAnswerNo);
}

TEST(CaptureAttemptTest, OneWhoDiesUnderHoldHasEnded) {
  AttemptLimits limits = kLimits;
  limits.hold_ms = 1000;
  CaptureAttempt attempt(limits, 0);
  Say(attempt, "messages-safe", 10);
  attempt.OnExit(SIGSEGV, 510);
  EXPECT_EQ(attempt.end(), End::kFailed);
  EXPECT_EQ(attempt.OnGo(20), Action::kNone);
  EXPECT_EQ(attempt.held_ms(), 500U);  // which the next attempt has still
}

}  // namespace
}  // namespace crashdump
