// SPDX-License-Identifier: GPL-2.0-or-later
// The capture with real children: scripts that behave as a good, a failing, a dying and a hanging capture program.
#include "capture/init/supervise_capture.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "capture/init/test_support.h"

namespace crashdump {
namespace {

using End = CaptureAttempt::End;

// Long enough for a script to start on a machine that is busy with other things.
constexpr uint64_t kPatienceMs = 2000;

class SuperviseCaptureTest : public SignalTest {
 protected:
  SuperviseCaptureTest() {
    directory_.Write("console", "");
    const std::string list = directory_.Write("active", "console");
    EXPECT_TRUE(init_.console.OpenActive(list.c_str(), directory_.path().c_str()).ok());
    EXPECT_EQ(symlink(host_.device().c_str(), directory_.Path("port").c_str()), 0);
  }
  void OpenPort() { EXPECT_TRUE(init_.port.Open("/nonexistent", directory_.path().c_str(), "port").ok()); }

  // The script finds its arguments in $*, and $2 is the attempt.
  End Run(const std::string& commands) {
    const std::string script = directory_.MakeScript(
        "capture", "echo \"$*\" >>" + directory_.Path("calls") + "\nsay() { echo \"$*\" >&3; }\n" + commands);
    outcome_ = SuperviseCapture(init_, script.c_str(), 5000);
    return outcome_.end;
  }
  std::string calls() const { return directory_.Read("calls"); }
  std::string console() const { return directory_.Read("console"); }
  bool Shown(const std::string& text) const { return console().find("crashdump: " + text + "\n") != std::string::npos; }

  CaptureOutcome outcome_;
  ScratchDirectory directory_;
  SerialLine host_;
  InitContext init_;
};

TEST_F(SuperviseCaptureTest, ACompleteCapture) {
  OpenPort();
  init_.options.capture_arguments = {"--threads", "2"};
  EXPECT_EQ(Run("say target vda2; say messages-safe; read go; [ $go = go ] || exit 9\n"
                "say progress 5 10 1; say result complete all pages"),
            End::kDone);
  EXPECT_EQ(calls(), "--attempt 1 --status-fd 3 --threads 2\n");
  EXPECT_TRUE(Shown("target: vda2")) << console();
  EXPECT_TRUE(Shown("the panic messages are safe"));
  EXPECT_TRUE(Shown("result: complete all pages"));
  EXPECT_EQ(host_.ReceiveUntil("ended 1 complete all pages\n"),
            "attempt 1\ncapture target vda2\ncapture messages-safe\nstage messages-safe\ncapture progress 5 10 1\n"
            "capture result complete all pages\nended 1 complete all pages\n");
}

TEST_F(SuperviseCaptureTest, AFailureBeforeMessagesSafeGetsASecondAttempt) {
  EXPECT_EQ(Run("[ $2 = 2 ] || { say failed disk gone; exit 1; }\nsay messages-safe; say result messages-only x"),
            End::kDone);
  EXPECT_EQ(calls(), "--attempt 1 --status-fd 3\n--attempt 2 --status-fd 3\n");
  EXPECT_TRUE(Shown("no dump: disk gone")) << console();
}

TEST_F(SuperviseCaptureTest, ThereIsNoThirdAttempt) {
  EXPECT_EQ(Run("exit 1"), End::kFailed);
  EXPECT_EQ(calls(), "--attempt 1 --status-fd 3\n--attempt 2 --status-fd 3\n");
}

TEST_F(SuperviseCaptureTest, AFailureAfterMessagesSafeGetsNone) {
  EXPECT_EQ(Run("say messages-safe; kill -SEGV $$"), End::kFailed);
  EXPECT_TRUE(outcome_.messages_safe);
  EXPECT_EQ(calls(), "--attempt 1 --status-fd 3\n");
  EXPECT_TRUE(
      Shown("the panic messages are saved, but the memory image is not complete: "
            "the capture program was ended by signal 11"))
      << console();
}

TEST_F(SuperviseCaptureTest, ARefusalGetsNone) {
  EXPECT_EQ(Run("say failed wrong UUID; exit 3"), End::kRefused);
  EXPECT_FALSE(outcome_.messages_safe || outcome_.declined);
  EXPECT_EQ(calls(), "--attempt 1 --status-fd 3\n");
  EXPECT_TRUE(Shown("no dump: wrong UUID")) << console();
}

TEST_F(SuperviseCaptureTest, ASilentOneIsKilledAndTriedAgain) {
  init_.options.stall_ms = kPatienceMs;
  const uint64_t begin_ms = NowMs();
  EXPECT_EQ(Run("[ $2 = 2 ] || sleep 100\nsay messages-safe; say result messages-only x"), End::kDone);
  EXPECT_LT(NowMs() - begin_ms, 20'000U);
  EXPECT_EQ(calls(), "--attempt 1 --status-fd 3\n--attempt 2 --status-fd 3\n");
}

TEST_F(SuperviseCaptureTest, OneThatClosesItsSocketIsStillWaitedFor) {
  init_.options.stall_ms = kPatienceMs;
  EXPECT_EQ(Run("say messages-safe; exec 2>&- 3>&-; sleep 100"), End::kFailed);
  EXPECT_TRUE(Shown("the panic messages are saved, but the memory image is not complete: no progress for 2 s"))
      << console();
}

TEST_F(SuperviseCaptureTest, OneThatSaysTheSameForEverIsKilled) {
  init_.options.stall_ms = kPatienceMs;
  EXPECT_EQ(Run("say messages-safe; while :; do say progress 1 10 1; done"), End::kFailed);
}

TEST_F(SuperviseCaptureTest, TimeIsUpInSpiteOfProgress) {
  init_.options.timeout_ms = kPatienceMs;
  EXPECT_EQ(Run("i=0; while :; do i=$((i + 1)); say note $i; done"), End::kFailed);
  EXPECT_EQ(calls(), "--attempt 1 --status-fd 3\n");
  EXPECT_TRUE(Shown("no dump: the time set by crashdump.timeout is over"));
  const std::string shown = console();
  EXPECT_LT(std::count(shown.begin(), shown.end(), '\n'), 60);  // the flood was kept from the console
}

TEST_F(SuperviseCaptureTest, HeldAtMessagesSafeUntilTheHostSaysGo) {
  OpenPort();
  init_.options.hold.Add(Stage::kMessagesSafe);
  init_.options.stall_ms = kPatienceMs;  // the hold lasts longer and is no stall
  const Result<ChildProcess> host = ChildProcess::Call([&] {
    (void)host_.ReceiveUntil("hold messages-safe\n");
    usleep((kPatienceMs + 500) * 1000);
    host_.Send("go\n");
    return true;
  });
  ASSERT_TRUE(host.ok());
  const uint64_t begin_ms = NowMs();
  EXPECT_EQ(Run("say messages-safe; read go; say result complete $go"), End::kDone);
  EXPECT_GE(NowMs() - begin_ms, kPatienceMs);
  EXPECT_EQ(calls(), "--attempt 1 --status-fd 3 --hold-seconds 70\n");
  EXPECT_TRUE(Shown("result: complete go")) << console();
}

// The console of these is the guest's end of a serial line.
class ConfirmTest : public SuperviseCaptureTest {
 protected:
  ConfirmTest() {
    init_.console = Console();
    EXPECT_EQ(symlink(person_.device().c_str(), directory_.Path("ttyS0").c_str()), 0);
    const std::string list = directory_.Write("active", "ttyS0");
    EXPECT_TRUE(init_.console.OpenActive(list.c_str(), directory_.path().c_str()).ok());
    init_.options.confirm_ms = 60'000;
  }

  // Somebody who answers with these keys once he is asked.
  ChildProcess Answer(std::string_view keys) {
    return ChildProcess::Call([&] {
             const bool asked = person_.ReceiveUntil("y: yes, n: no").find("proven: its UUID") != std::string::npos;
             for (const char key : keys) {
               usleep(1'500'000);
               person_.Send({&key, 1});
             }
             directory_.Write("asked", asked ? "yes" : "no");
             return asked;
           })
        .TakeValue();
  }

  End RunAsking() {
    return Run(
        // An attempt that was not told to ask does not.
        "case \"$*\" in *--confirm*) ;; *) say messages-safe; read go; say result complete x; exit 0 ;; esac\n"
        "say target vda2; say confirm its UUID; read answer; echo $answer >>" +
        directory_.Path("answers") +
        "\n[ $answer = yes ] || { say failed the answer was no; exit 3; }\n"
        "[ $2 = 2 ] || exit 1\n"
        "say messages-safe; read go; say result complete x");
  }
  std::string answers() const { return directory_.Read("answers"); }

  SerialLine person_;
};

TEST_F(ConfirmTest, YesAndItIsAskedOnce) {
  const ChildProcess person = Answer("y");
  EXPECT_EQ(RunAsking(), End::kDone);
  EXPECT_EQ(answers(), "yes\n");
  EXPECT_EQ(directory_.Read("asked"), "yes");
  EXPECT_EQ(calls(), "--attempt 1 --status-fd 3 --confirm-seconds 70\n--attempt 2 --status-fd 3\n");
  EXPECT_TRUE(init_.screen.content.question.empty());
}

TEST_F(ConfirmTest, NoIsARefusal) {
  const ChildProcess person = Answer("n");
  EXPECT_EQ(RunAsking(), End::kRefused);
  EXPECT_TRUE(outcome_.declined);
  EXPECT_EQ(answers(), "no\n");
  EXPECT_EQ(calls(), "--attempt 1 --status-fd 3 --confirm-seconds 70\n");
}

TEST_F(ConfirmTest, OtherKeysAreNoAnswerNorIsWhatWasTypedBefore) {
  person_.Send("y");
  usleep(100'000);
  const ChildProcess person = Answer(" q\x03N");
  EXPECT_EQ(RunAsking(), End::kRefused);
  EXPECT_EQ(answers(), "no\n");
}

TEST_F(ConfirmTest, SilenceIsTheDefault) {
  init_.options.confirm_ms = 1000;
  EXPECT_EQ(RunAsking(), End::kDone);
  EXPECT_EQ(answers(), "yes\n");
}

TEST_F(ConfirmTest, SilenceMayMeanNo) {
  init_.options.confirm_ms = 1000;
  init_.options.confirm_default = false;
  EXPECT_EQ(RunAsking(), End::kRefused);
  EXPECT_FALSE(outcome_.declined);
  EXPECT_EQ(answers(), "no\n");
}

TEST_F(SuperviseCaptureTest, WhatTheCrashedKernelSaidIsHarmless) {
  EXPECT_EQ(Run("printf 'result complete \\033[2J\\233x\\n' >&3"), End::kDone);
  EXPECT_TRUE(Shown("result: complete ?[2J?x")) << console();
}

TEST_F(SuperviseCaptureTest, ThePanicMessagesOfARefusalAreAllShown) {
  EXPECT_EQ(Run("i=0; while [ $i -lt 40 ]; do i=$((i + 1)); say message \"line  $i\"; done; say failed x; exit 3"),
            End::kRefused);
  for (int i = 1; i <= 40; ++i) EXPECT_TRUE(Shown("| line  " + std::to_string(i))) << console();
  const std::vector<std::string>& on_screen = init_.screen.content.messages;
  ASSERT_EQ(on_screen.size(), 40U);
  EXPECT_EQ(on_screen.front(), "line  1");
  EXPECT_EQ(on_screen.back(), "line  40");
}

TEST_F(SuperviseCaptureTest, TheMessagesOnTheScreenAreThoseOfTheLastAttempt) {
  EXPECT_EQ(Run("say crash panic x; say message \"attempt $2\"; exit $((2 * $2 - 1))"), End::kRefused);
  EXPECT_EQ(init_.screen.content.messages, (std::vector<std::string>{"attempt 2"}));
}

TEST_F(SuperviseCaptureTest, TheScreenSaysWhatCrashedAndWhatBecameOfIt) {
  EXPECT_EQ(
      Run("say stage vmcore; say crash panic Kernel panic; say crash machine QEMU; say crash trace panic+0x1/0x2\n"
          "[ $2 = 2 ] || exit 1\n"
          "say stage target; say target vda2; say messages-safe; say stage pages; say result complete 5 pages"),
      End::kDone);
  const ScreenContent& content = init_.screen.content;
  EXPECT_EQ(content.panic, "Kernel panic");
  EXPECT_EQ(content.machine, "QEMU");
  // Once, although both attempts have said it.
  EXPECT_EQ(content.trace, (std::vector<std::string>{"panic+0x1/0x2"}));
  EXPECT_EQ(content.target, "vda2");
  EXPECT_EQ(content.activity, "The messages are saved. Saving the memory");
  EXPECT_EQ(content.outcome, (std::vector<std::string>{"First attempt: the capture program ended with status 1",
                                                       "The memory is saved: 5 pages"}));
  EXPECT_TRUE(Shown("crash: panic Kernel panic")) << console();
}

TEST_F(SuperviseCaptureTest, OnlyAWholeDumpIsComplete) {
  for (const char* kind : {"complete", "incomplete", "messages-only"}) {
    EXPECT_EQ(Run(std::string("say messages-safe; say result ") + kind + " 5 pages"), End::kDone);
    EXPECT_EQ(outcome_.complete, std::string_view(kind) == "complete") << kind;
  }
  EXPECT_EQ(Run("say result complete 5 pages; exit 1"), End::kFailed);
  EXPECT_FALSE(outcome_.complete);
}

TEST_F(SuperviseCaptureTest, MessagesThatWereSavedNowhereAreShown) {
  const std::string program =
      directory_.MakeScript("show",
                            "[ \"$*\" = --show-messages ] || exit 1\n"
                            "for i in 1 2 3; do echo message line $i >&2; done; echo stage pages >&2");
  ShowMessages(init_, program.c_str());
  for (int i = 1; i <= 3; ++i) EXPECT_TRUE(Shown("| line " + std::to_string(i))) << console();
  EXPECT_EQ(init_.screen.content.messages, (std::vector<std::string>{"line 1", "line 2", "line 3"}));
}

TEST_F(SuperviseCaptureTest, NobodyIsWaitedForWhoDoesNotShowThem) {
  const std::string silent = directory_.MakeScript("silent", "exec sleep 100");
  const std::string deaf = directory_.MakeScript("deaf", "exec 2>/dev/null 3>/dev/null sleep 100");
  const std::string talking = directory_.MakeScript("talking", "while :; do echo message again >&2; done");
  const uint64_t begin_ms = NowMs();
  for (const std::string& program : {silent, deaf, talking, std::string("/nonexistent")}) {
    ShowMessages(init_, program.c_str(), 300);
  }
  EXPECT_LT(NowMs() - begin_ms, 30'000U);
  EXPECT_FALSE(init_.screen.content.messages.empty());
  EXPECT_LE(init_.screen.content.messages.size(), 100U);
}

TEST_F(SuperviseCaptureTest, TheScreenSaysWhyThereIsNoDump) {
  EXPECT_EQ(Run("say crash panic \"$(printf 'a\\033[2Jb')\"; say failed wrong UUID; exit 3"), End::kRefused);
  EXPECT_EQ(init_.screen.content.panic, "a?[2Jb");
  EXPECT_EQ(init_.screen.content.outcome, (std::vector<std::string>{"no dump: wrong UUID"}));
}

TEST_F(SuperviseCaptureTest, AProgramThatIsNotThere) {
  EXPECT_EQ(SuperviseCapture(init_, "/nonexistent/capture").end, End::kFailed);
  EXPECT_TRUE(Shown("no dump: /nonexistent/capture cannot be run: No such file or directory")) << console();
}

}  // namespace
}  // namespace crashdump
