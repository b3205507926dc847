// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/capture_attempt.h"

#include <sys/wait.h>

#include <algorithm>

#include "capture/init/printable.h"

namespace crashdump {

using Action = CaptureAttempt::Action;

Action CaptureAttempt::OnLine(const StatusLine& line, uint64_t now_ms) {
  // The same numbers again are a sign of life but not of progress.
  if (line.kind != StatusLine::Kind::kProgress || line.progress != last_progress_) progress_ms_ = now_ms;
  switch (line.kind) {
    case StatusLine::Kind::kProgress:
      last_progress_ = line.progress;
      return Action::kNone;
    case StatusLine::Kind::kMessagesSafe:
      // From a child that was killed meanwhile it counts as well: what it wrote is on the disk.
      if (messages_safe_ || limits_.hold_ms == 0 || killed_ms_ != kNever) {
        messages_safe_ = true;
        return Action::kAnswerGo;
      }
      messages_safe_ = true;
      hold_ = Hold::kHost;
      hold_since_ms_ = now_ms;
      return Action::kHold;
    case StatusLine::Kind::kConfirm:
      if (killed_ms_ != kNever) return Action::kAnswerNo;
      if (limits_.confirm_ms == 0) return Action::kAnswerYes;
      hold_ = Hold::kPerson;
      hold_since_ms_ = now_ms;
      return Action::kAsk;
    case StatusLine::Kind::kResult:
      has_result_ = true;
      reason_ = Printable(line.text);
      return Action::kNone;
    case StatusLine::Kind::kFailed:
      has_result_ = false;
      if (killed_ms_ == kNever) reason_ = Printable(line.text);
      return Action::kNone;
    case StatusLine::Kind::kStage:
    case StatusLine::Kind::kTarget:
    case StatusLine::Kind::kNote:
    case StatusLine::Kind::kMessage:
    case StatusLine::Kind::kCrash:
      return Action::kNone;
  }
  return Action::kNone;
}

void CaptureAttempt::Release(uint64_t now_ms) {
  // Time under hold is nobody's fault.
  held_ms_ += now_ms - hold_since_ms_;
  hold_ = Hold::kNobody;
  progress_ms_ = now_ms;
}

Action CaptureAttempt::OnGo(uint64_t now_ms) {
  if (hold_ != Hold::kHost) return Action::kNone;
  Release(now_ms);
  return Action::kAnswerGo;
}

Action CaptureAttempt::OnAnswer(bool yes, uint64_t now_ms) {
  if (hold_ != Hold::kPerson) return Action::kNone;
  Release(now_ms);
  confirmed_ = yes;
  declined_ = !yes;
  return yes ? Action::kAnswerYes : Action::kAnswerNo;
}

uint64_t CaptureAttempt::WakeAt() const {
  if (end_ != End::kRunning) return kNever;
  if (killed_ms_ != kNever) return killed_ms_ + limits_.death_ms;
  if (hold_ == Hold::kHost) return hold_since_ms_ + limits_.hold_ms;
  if (hold_ == Hold::kPerson) return hold_since_ms_ + limits_.confirm_ms;
  return std::min(progress_ms_ + limits_.stall_ms, end_at());
}

Action CaptureAttempt::OnTime(uint64_t now_ms) {
  if (now_ms < WakeAt()) return Action::kNone;
  if (killed_ms_ != kNever) {
    end_ = End::kUnkillable;
    reason_ += " (and it cannot be killed: it hangs in the kernel)";
    return Action::kGiveUp;
  }
  if (hold_ == Hold::kHost) return OnGo(now_ms);
  if (hold_ == Hold::kPerson) {
    const Action answer = OnAnswer(limits_.confirm_default, now_ms);
    declined_ = false;
    return answer;
  }
  out_of_time_ = now_ms >= end_at();
  reason_ = out_of_time_ ? "the time set by crashdump.timeout is over"
                         : "no progress for " + std::to_string(limits_.stall_ms / 1000) + " s";
  killed_ms_ = now_ms;
  return Action::kKill;
}

void CaptureAttempt::OnExit(int wait_status, uint64_t now_ms) {
  if (end_ != End::kRunning) return;
  if (hold_ != Hold::kNobody) Release(now_ms);
  end_ = End::kFailed;
  if (WIFEXITED(wait_status) && killed_ms_ == kNever) {
    const int status = WEXITSTATUS(wait_status);
    if (status == kExitDone && has_result_) {
      end_ = End::kDone;
    } else if (status == kExitDone) {
      reason_ = "the capture program ended without a result";
    } else {
      if (status == kExitRefused) end_ = End::kRefused;
      if (reason_.empty() || has_result_) reason_ = "the capture program ended with status " + std::to_string(status);
    }
  } else if (killed_ms_ == kNever) {
    reason_ = "the capture program was ended by signal " + std::to_string(WTERMSIG(wait_status));
  }
}

}  // namespace crashdump
