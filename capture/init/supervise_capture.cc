// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/supervise_capture.h"

#include <array>
#include <cinttypes>

#include "capture/init/line_buffer.h"
#include "capture/init/printable.h"
#include "capture/init/progress_display.h"

namespace crashdump {
namespace {

using Action = CaptureAttempt::Action;
using End = CaptureAttempt::End;

// Held a little longer there than here: init's `go` is the rule, the child's own deadline the exception.
constexpr uint64_t kHoldMarginSeconds = 10;
// As many of the panic messages as the console shows in any case.
constexpr uint32_t kMostMessages = 100;

// One attempt while it runs.
class Run {
 public:
  Run(InitContext& init, ChildProcess child, const AttemptLimits& limits)
      : init_(init), child_(std::move(child)), attempt_(limits, NowMs()), progress_(NowMs()) {}

  const CaptureAttempt& UntilTheEnd() {
    bool connected = true;
    while (attempt_.end() == End::kRunning) {
      const Events events =
          WaitForEvents(init_, &child_, connected ? ReadChild::kYes : ReadChild::kNo, attempt_.WakeAt());
      if (events.child_input || events.exit) connected = ReadLines();
      if (events.go) Do(attempt_.OnGo(NowMs()));
      if (events.exit) {
        attempt_.OnExit(*events.exit);
      } else {
        Do(attempt_.OnTime(NowMs()));
      }
    }
    return attempt_;
  }

 private:
  // Reads what is there now; false at the end of the stream. Bounded, so that a child that never stops talking does not
  // keep init from its other duties.
  bool ReadLines() {
    std::array<char, 4096> buffer;
    constexpr int kMostReads = 64;
    for (int i = 0; i < kMostReads; ++i) {
      const ssize_t got = read(child_.status_fd(), buffer.data(), buffer.size());
      if (got < 0) return true;
      if (got == 0) {
        lines_.Finish([&](std::string_view line) { OnLine(line); });
        return false;
      }
      lines_.Feed({buffer.data(), static_cast<size_t>(got)}, [&](std::string_view line) { OnLine(line); });
    }
    return true;
  }

  void OnLine(std::string_view text) {
    const StatusLine line = ParseStatusLine(text);
    init_.port.Line("capture %.*s", static_cast<int>(text.size()), text.data());
    Show(line);
    Do(attempt_.OnLine(line, NowMs()));
  }

  void Show(const StatusLine& line) {
    if (line.kind == StatusLine::Kind::kProgress) {
      const std::string shown = progress_.Update(line.progress, NowMs());
      if (!shown.empty()) init_.console.Line("%s", shown.c_str());
      return;
    }
    // The panic messages of a capture that is refused get nowhere but here, so they are not to be thinned out.
    if (line.kind == StatusLine::Kind::kMessage && messages_shown_ < kMostMessages) {
      ++messages_shown_;
      init_.console.Line("| %.*s", static_cast<int>(line.text.size()), line.text.data());
      return;
    }
    const bool is_final = line.kind == StatusLine::Kind::kResult || line.kind == StatusLine::Kind::kFailed ||
                          line.kind == StatusLine::Kind::kMessagesSafe;
    if (!is_final && !limiter_.Allow(NowMs())) return;
    const uint64_t dropped = limiter_.TakeDropped();
    if (dropped > 0) init_.console.Line("(%" PRIu64 " lines not shown)", dropped);
    if (line.kind == StatusLine::Kind::kMessagesSafe) {
      init_.console.Line("the panic messages are safe");
    } else {
      init_.console.Line("%s: %.*s", Label(line.kind), static_cast<int>(line.text.size()), line.text.data());
    }
  }

  static const char* Label(StatusLine::Kind kind) {
    switch (kind) {
      case StatusLine::Kind::kStage:
        return "stage";
      case StatusLine::Kind::kTarget:
        return "target";
      case StatusLine::Kind::kResult:
        return "result";
      case StatusLine::Kind::kFailed:
        return "failed";
      case StatusLine::Kind::kMessagesSafe:
      case StatusLine::Kind::kProgress:
      case StatusLine::Kind::kNote:
      case StatusLine::Kind::kMessage:
        break;
    }
    return "note";
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
      case Action::kKill:
        child_.Kill();
        return;
    }
  }

  void AnnounceMessagesSafe() {
    if (!announced_) AnnounceStage(init_, Stage::kMessagesSafe);
    announced_ = true;
  }

  InitContext& init_;
  ChildProcess child_;
  CaptureAttempt attempt_;
  ProgressDisplay progress_;
  LineLimiter limiter_;
  LineBuffer lines_;
  uint32_t messages_shown_ = 0;
  bool announced_ = false;
};

}  // namespace

std::vector<std::string> CaptureArguments(const Options& options, unsigned number) {
  std::vector<std::string> arguments = {"--attempt", std::to_string(number), "--status-fd",
                                        std::to_string(ChildProcess::kStatusFd)};
  if (options.hold.Contains(Stage::kMessagesSafe)) {
    arguments.emplace_back("--hold-seconds");
    arguments.push_back(std::to_string(options.hold_ms / 1000 + kHoldMarginSeconds));
  }
  arguments.insert(arguments.end(), options.capture_arguments.begin(), options.capture_arguments.end());
  return arguments;
}

End SuperviseCapture(InitContext& init, const char* program, uint64_t death_ms) {
  AttemptLimits limits = {.stall_ms = init.options.stall_ms, .end_ms = kNever, .hold_ms = 0, .death_ms = death_ms};
  if (init.options.timeout_ms != 0) limits.end_ms = NowMs() + init.options.timeout_ms;
  if (IsHeld(init, Stage::kMessagesSafe)) limits.hold_ms = init.options.hold_ms;

  constexpr unsigned kAttempts = 2;
  for (unsigned number = 1;; ++number) {
    init.port.Line("attempt %u", number);
    Result<ChildProcess> child = ChildProcess::Start(program, CaptureArguments(init.options, number));
    if (!child.ok()) {
      Note(init, "%s cannot be started: %s", program, child.error().text());
      return End::kFailed;
    }
    Run run(init, child.TakeValue(), limits);
    const CaptureAttempt& attempt = run.UntilTheEnd();
    init.port.Line("ended %u %s", number, attempt.reason().c_str());
    if (attempt.end() == End::kDone) return End::kDone;
    init.console.Line(
        "%s%s",
        attempt.messages_safe() ? "the panic messages are saved, but the memory image is not complete: " : "no dump: ",
        attempt.reason().c_str());
    if (!attempt.may_try_again() || number == kAttempts) return attempt.end();
    init.console.Line("second attempt, for the panic messages only");
    if (limits.end_ms != kNever) limits.end_ms += attempt.held_ms();
  }
}

}  // namespace crashdump
