// SPDX-License-Identifier: GPL-2.0-or-later
// ChildProcess: starts, kills and reaps what runs beside init.
#pragma once

#include <sys/types.h>

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace crashdump {

class ChildProcess {
 public:
  // Where the child writes its lines.
  static constexpr int kStatusFd = 3;

  // Runs the program at `path` in a session of its own, with a pipe to here as descriptor 3 and as standard error (what
  // libc has to say before it aborts comes as a line too), a pipe from here as standard input, /dev/null as standard
  // output, and nothing else open. If the program cannot be run, a line `failed ...` comes and the exit status is 1.
  static Result<ChildProcess> Start(const char* path, std::span<const std::string> arguments);

  // Runs `function` in a copy of this process: exit status 0 if it returns success, otherwise 1. It reports by itself.
  template <typename Function>
  static Result<ChildProcess> Call(Function function) {
    const pid_t pid = TRY(Fork());
    if (pid == 0) _exit(function() ? 0 : 1);
    return ChildProcess(pid, UniqueFd(), UniqueFd());
  }

  pid_t pid() const { return pid_; }
  // Not blocking. Invalid for Call().
  int status_fd() const { return status_.get(); }

  // Sends a line's bytes; a child that does not listen misses them.
  void Send(std::string_view text) const;
  // SIGKILL to the child and whatever it has started. It still must be reaped.
  void Kill() const;

 private:
  ChildProcess(pid_t pid, UniqueFd status, UniqueFd answers)
      : pid_(pid), status_(std::move(status)), answers_(std::move(answers)) {}

  // In the child: a session of its own, signals as at exec.
  static Result<pid_t> Fork();

  pid_t pid_;
  UniqueFd status_;
  UniqueFd answers_;
};

// In a child: closes what it has of init's descriptors, but standard ones and those in `kept`. As long as a child has
// the watchdog's, for one, init cannot close that.
void CloseAllBut(std::initializer_list<int> kept);

// Blocks every signal but SIGPIPE, which is ignored; SIGCHLD gets a handler, so that it ends a ppoll(2) with
// SignalsWhilePolling(). Without it PID 1 would lose SIGCHLD, and with a default action any other process could be
// ended by a signal.
void PrepareSignals();

// Reaps all that have ended, orphans included; returns the wait status of `wanted` if it is among them.
std::optional<int> Reap(pid_t wanted);

}  // namespace crashdump
