// SPDX-License-Identifier: GPL-2.0-or-later
// SwapPause: takes an active swap out of use for as long as it exists, and brings it back with the same priority and
// flags whatever happens: on failure, and on SIGINT, SIGTERM and SIGHUP, which wait until the swap is back.
#pragma once

#include <array>
#include <csignal>
#include <memory>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "loader/machine.h"
#include "loader/system_facts.h"

namespace crashdump {

// While it exists, those signals end nothing but a system call that waits. At its end the program gets what came.
class SignalDelay {
 public:
  SignalDelay();
  ~SignalDelay();
  SignalDelay(const SignalDelay&) = delete;
  SignalDelay& operator=(const SignalDelay&) = delete;

  bool Interrupted() const;

 private:
  static constexpr std::array<int, 3> kSignals{SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, kSignals.size()> former_{};
};

class SwapPause {
 public:
  // kRefused unless MemAvailable covers what is swapped out. `machine` must outlive the pause. `fstab_options` as in
  // SwapOnFlags().
  static Result<std::unique_ptr<SwapPause>> Begin(Machine& machine, const ActiveSwap& swap,
                                                  std::string_view fstab_options);
  ~SwapPause();
  SwapPause(const SwapPause&) = delete;
  SwapPause& operator=(const SwapPause&) = delete;

  // Brings the swap back; the error says that it is off, and how to turn it on. Only the first call does anything.
  Result<> End();

 private:
  SwapPause(Machine& machine, std::string path, int flags) : machine_(machine), path_(std::move(path)), flags_(flags) {}

  SignalDelay signals_;
  Machine& machine_;
  std::string path_;
  int flags_;
  bool active_ = false;  // the swap is off and must come back
};

}  // namespace crashdump
