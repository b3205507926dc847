// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/supervise_capture.h"

#include <algorithm>
#include <array>
#include <cinttypes>

#include "capture/init/capture_view.h"
#include "capture/init/line_buffer.h"
#include "capture/init/lone_keys.h"
#include "capture/init/printable.h"
#include "capture/init/status_line.h"

namespace crashdump {
namespace {

using Action = CaptureAttempt::Action;
using End = CaptureAttempt::End;

// Held a little longer there than here: init's `go` is the rule, the child's own deadline the exception.
constexpr uint64_t kHoldMarginSeconds = 10;

constexpr std::string_view kNoImage = "the panic messages are saved, but the memory image is not complete: ";
constexpr std::string_view kNoDump = "no dump: ";
constexpr const char* kSecondAttempt = "second attempt, for the panic messages only";

// The kind of a `result` (capture/README.md) of which nothing is missing.
constexpr std::string_view kComplete = "complete";

// The `result` line's text for the screen, in words.
std::string DoneText(std::string_view result) {
  std::string_view rest = result;
  const std::string_view kind = TakeFirstWord(rest);
  const std::string details(rest);
  if (kind == kComplete) return "The memory is saved: " + details;
  if (kind == "incomplete") return "The messages and a part of the memory are saved: " + details;
  if (kind == "messages-only") return "The messages are saved, without the memory: " + details;
  return std::string(result);
}

// Reads what is there now; false at the end of the stream. Bounded, so that a child that never stops talking does not
// keep init from its other duties.
template <typename Function>
bool ReadLines(const ChildProcess& child, LineBuffer& lines, Function on_line) {
  std::array<char, 4096> buffer;
  constexpr int kMostReads = 64;
  for (int i = 0; i < kMostReads; ++i) {
    const ssize_t got = read(child.status_fd(), buffer.data(), buffer.size());
    if (got < 0) return true;
    if (got == 0) {
      lines.Finish(on_line);
      return false;
    }
    lines.Feed({buffer.data(), static_cast<size_t>(got)}, on_line);
  }
  return true;
}

// One attempt while it runs.
class Run {
 public:
  Run(InitContext& init, ChildProcess child, const AttemptLimits& limits)
      : init_(init), child_(std::move(child)), attempt_(limits, NowMs()), view_(init, NowMs()) {}

  const CaptureAttempt& UntilTheEnd() {
    bool connected = true;
    while (attempt_.end() == End::kRunning) {
      const bool asking = attempt_.asking();
      const Events events = WaitForEvents(init_, {.child = &child_, .child_input = connected, .keys = asking},
                                          std::min(attempt_.WakeAt(), asking ? keys_.WakeAt() : kNever));
      if (events.child_input || events.exit) {
        connected = ReadLines(child_, lines_, [&](std::string_view line) { OnLine(line); });
        RefreshScreen(init_);
      }
      if (attempt_.asking()) ShowQuestion();
      if (events.key) keys_.OnKey(*events.key, NowMs());
      if (const std::optional<Key> key = keys_.Take(NowMs())) OnKey(key->value);
      if (events.go) Do(attempt_.OnGo(NowMs()));
      if (events.exit) {
        attempt_.OnExit(*events.exit, NowMs());
      } else {
        Do(attempt_.OnTime(NowMs()));
      }
    }
    // Of one that has ended while it asked.
    init_.screen.content.question.clear();
    return attempt_;
  }

 private:
  void OnLine(std::string_view text) {
    const StatusLine line = ParseStatusLine(text);
    init_.port.Line("capture %.*s", static_cast<int>(text.size()), text.data());
    view_.OnLine(line, NowMs());
    if (line.kind == StatusLine::Kind::kConfirm) proof_ = Printable(line.text);
    Do(attempt_.OnLine(line, NowMs()));
  }

  void Do(Action action) {
    switch (action) {
      case Action::kNone:
      case Action::kGiveUp:
        return;
      case Action::kHold:
        AnnounceMessagesSafe();
        return;
      case Action::kAnswerGo:
        AnnounceMessagesSafe();
        child_.Send("go\n");
        return;
      case Action::kAsk:
        DiscardKeys(init_);
        keys_ = LoneKeys(NowMs());
        asked_ = true;
        init_.console.Line("write to this target? y: yes, n: no; in %" PRIu64 " s: %s", init_.options.confirm_ms / 1000,
                           DefaultAnswer());
        return;
      case Action::kAnswerYes:
        EndQuestion("yes");
        return;
      case Action::kAnswerNo:
        EndQuestion("no");
        return;
      case Action::kKill:
        child_.Kill();
        return;
    }
  }

  const char* DefaultAnswer() const { return init_.options.confirm_default ? "yes" : "no"; }

  void ShowQuestion() {
    const uint64_t seconds = SecondsLeft(attempt_.WakeAt(), NowMs());
    init_.screen.content.question = {
        "May messages and memory be written there? " + proof_,
        "y: yes, n: no. In " + std::to_string(seconds) + " s the answer is " + DefaultAnswer() + "."};
    RefreshScreen(init_);
  }

  void EndQuestion(const char* answer) {
    init_.screen.content.question.clear();
    if (asked_) {
      init_.console.Line("the answer is %s", answer);
      init_.port.Line("answer %s", answer);
    }
    child_.Send(std::string(answer) + "\n");
  }

  void OnKey(char value) {
    if (value == 'y' || value == 'Y') Do(attempt_.OnAnswer(true, NowMs()));
    if (value == 'n' || value == 'N') Do(attempt_.OnAnswer(false, NowMs()));
  }

  void AnnounceMessagesSafe() {
    // Whoever holds init there finds the screen as it is then.
    RefreshScreen(init_);
    if (!announced_) AnnounceStage(init_, Stage::kMessagesSafe);
    announced_ = true;
  }

  InitContext& init_;
  ChildProcess child_;
  CaptureAttempt attempt_;
  CaptureView view_;
  LineBuffer lines_;
  std::string proof_;
  LoneKeys keys_{0};
  bool asked_ = false;
  bool announced_ = false;
};

}  // namespace

std::vector<std::string> CaptureArguments(const Options& options, unsigned number, bool confirmed) {
  std::vector<std::string> arguments = {"--attempt", std::to_string(number), "--status-fd",
                                        std::to_string(ChildProcess::kStatusFd)};
  if (options.hold.Contains(Stage::kMessagesSafe)) {
    arguments.emplace_back("--hold-seconds");
    arguments.push_back(std::to_string(options.hold_ms / 1000 + kHoldMarginSeconds));
  }
  if (options.confirm_ms != 0 && !confirmed) {
    arguments.emplace_back("--confirm-seconds");
    arguments.push_back(std::to_string(options.confirm_ms / 1000 + kHoldMarginSeconds));
  }
  arguments.insert(arguments.end(), options.capture_arguments.begin(), options.capture_arguments.end());
  return arguments;
}

void ShowMessages(InitContext& init, const char* program, uint64_t longest_ms) {
  RefreshScreen(init);
  const std::vector<std::string> arguments = {"--show-messages"};
  const Result<ChildProcess> child = ChildProcess::Start(program, arguments);
  if (!child.ok()) return;
  const uint64_t end_ms = NowMs() + longest_ms;
  CaptureView view(init, NowMs());
  LineBuffer lines;
  bool ended = false;
  for (bool more = true; more && NowMs() < end_ms;) {
    const Events events = WaitForEvents(init, {.child = &child.value(), .child_input = true}, end_ms);
    ended = ended || events.exit.has_value();
    if (!events.child_input) continue;
    more = ReadLines(child.value(), lines, [&](std::string_view line) { view.OnLine(ParseStatusLine(line), NowMs()); });
  }
  if (!ended) child.value().Kill();
  RefreshScreen(init);
}

CaptureOutcome SuperviseCapture(InitContext& init, const char* program, uint64_t death_ms) {
  AttemptLimits limits;
  limits.stall_ms = init.options.stall_ms;
  limits.death_ms = death_ms;
  if (init.options.timeout_ms != 0) limits.end_ms = NowMs() + init.options.timeout_ms;
  if (IsHeld(init, Stage::kMessagesSafe)) limits.hold_ms = init.options.hold_ms;
  limits.confirm_ms = init.options.confirm_ms;
  limits.confirm_default = init.options.confirm_default;
  bool confirmed = false;
  std::vector<std::string> outcomes;  // of both attempts, for the screen

  constexpr unsigned kAttempts = 2;
  for (unsigned number = 1;; ++number) {
    init.port.Line("attempt %u", number);
    Result<ChildProcess> child = ChildProcess::Start(program, CaptureArguments(init.options, number, confirmed));
    if (!child.ok()) {
      const std::string failure = std::string(kNoDump) + program + " cannot be started: " + child.error().text();
      init.console.Line("%s", failure.c_str());
      init.port.Line("note %s", failure.c_str());
      outcomes.push_back(failure);
      init.screen.content.outcome = outcomes;
      return {};
    }
    Run run(init, child.TakeValue(), limits);
    const CaptureAttempt& attempt = run.UntilTheEnd();
    confirmed = confirmed || attempt.confirmed();
    init.port.Line("ended %u %s", number, attempt.reason().c_str());
    const CaptureOutcome outcome = {.end = attempt.end(),
                                    .complete = attempt.end() == End::kDone && attempt.reason().starts_with(kComplete),
                                    .messages_safe = attempt.messages_safe(),
                                    .declined = attempt.declined()};
    if (outcome.end == End::kDone) {
      outcomes.push_back(DoneText(attempt.reason()));
      init.screen.content.outcome = outcomes;
      return outcome;
    }
    const std::string failure = std::string(attempt.messages_safe() ? kNoImage : kNoDump) + attempt.reason();
    init.console.Line("%s", failure.c_str());
    if (!attempt.may_try_again() || number == kAttempts) {
      outcomes.push_back(failure);
      init.screen.content.outcome = outcomes;
      return outcome;
    }
    outcomes.push_back("First attempt: " + attempt.reason());
    init.console.Line("%s", kSecondAttempt);
    init.screen.content.activity = kSecondAttempt;
    RefreshScreen(init);
    if (limits.end_ms != kNever) limits.end_ms += attempt.held_ms();
  }
}

}  // namespace crashdump
