// SPDX-License-Identifier: GPL-2.0-or-later
// CaptureAttempt: the rules of one run of the capture child, without any system call: what its lines, its end and the
// passing time mean. Times are those of NowMs(); the caller does what the returned Action says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "capture/init/clock.h"
#include "capture/init/status_line.h"

namespace crashdump {

// Exit status of the capture child (capture/README.md).
inline constexpr int kExitDone = 0;
inline constexpr int kExitRefused = 3;

struct AttemptLimits {
  uint64_t stall_ms = 120'000;  // without progress for this long the child is killed
  uint64_t end_ms = kNever;     // the point in time at which the whole capture ends
  uint64_t hold_ms = 0;         // how long the child is held at "messages safe" at most; 0: not at all
  uint64_t confirm_ms = 0;      // how long the person at the machine is asked before the first write; 0: not at all
  bool confirm_default = true;  // what counts if nobody answers
  uint64_t death_ms = 10'000;   // a killed child that is not gone after this hangs in the kernel
};

class CaptureAttempt {
 public:
  enum class Action : uint8_t {
    kNone,
    kHold,       // tell the status port that the child is held, and wait for OnGo
    kAnswerGo,   // send the child its `go`
    kAsk,        // ask the person at the machine, and wait for OnAnswer
    kAnswerYes,  // tell the child that it may write
    kAnswerNo,   // tell it that it may not
    kKill,       // SIGKILL
    kGiveUp,     // the child cannot be killed: leave it and end
  };
  enum class End : uint8_t {
    kRunning,
    kDone,        // exit 0 behind a `result` line
    kFailed,      // anything else
    kRefused,     // the proof failed: the disk was not written
    kUnkillable,  // it may still write: nothing else may
  };

  CaptureAttempt(const AttemptLimits& limits, uint64_t now_ms) : limits_(limits), progress_ms_(now_ms) {}

  Action OnLine(const StatusLine& line, uint64_t now_ms);
  // `go` came from the status port.
  Action OnGo(uint64_t now_ms);
  // The answer of the person at the machine.
  Action OnAnswer(bool yes, uint64_t now_ms);
  // To be called when WakeAt() has come; harmless at any time.
  Action OnTime(uint64_t now_ms);
  // The child is gone; `wait_status` is that of waitpid(2).
  void OnExit(int wait_status, uint64_t now_ms);

  // When OnTime() has something to do if nothing happens before.
  uint64_t WakeAt() const;

  End end() const { return end_; }
  bool messages_safe() const { return messages_safe_; }
  // The question is being asked.
  bool asking() const { return hold_ == Hold::kPerson; }
  // It has been answered with yes: a second attempt need not ask.
  bool confirmed() const { return confirmed_; }
  // It has been answered with no, by somebody.
  bool declined() const { return declined_; }
  // A second attempt writes messages only, to a place of its own: worth it if there are none yet, allowed if the first
  // child is dead for certain, and sensible if another one would not meet the same refusal or has no time.
  bool may_try_again() const { return end_ == End::kFailed && !messages_safe_ && !out_of_time_; }
  // Printable; the `result` text if it is done, otherwise why not.
  const std::string& reason() const { return reason_; }
  // By how much the holds have put off the end of the whole capture.
  uint64_t held_ms() const { return held_ms_; }

 private:
  // Whom the child waits for.
  enum class Hold : uint8_t { kNobody, kHost, kPerson };

  uint64_t end_at() const { return limits_.end_ms == kNever ? kNever : limits_.end_ms + held_ms_; }
  void Release(uint64_t now_ms);

  AttemptLimits limits_;
  uint64_t progress_ms_;  // when the child last made progress
  Hold hold_ = Hold::kNobody;
  uint64_t hold_since_ms_ = kNever;
  uint64_t killed_ms_ = kNever;  // kNever: not killed
  uint64_t held_ms_ = 0;
  Progress last_progress_;
  bool confirmed_ = false;
  bool declined_ = false;
  bool messages_safe_ = false;
  bool has_result_ = false;
  bool out_of_time_ = false;
  End end_ = End::kRunning;
  std::string reason_;
};

}  // namespace crashdump
