// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/swap_pause.h"

#include "common/base/parse.h"

namespace crashdump {
namespace {

volatile sig_atomic_t received_signal = 0;

void Remember(int number) { received_signal = number; }

}  // namespace

SignalDelay::SignalDelay() {
  received_signal = 0;
  struct sigaction remember {};
  remember.sa_handler = Remember;  // without SA_RESTART: a swapoff that waits for memory can be stopped
  for (size_t i = 0; i < kSignals.size(); ++i) (void)sigaction(kSignals.at(i), &remember, &former_.at(i));
}

SignalDelay::~SignalDelay() {
  for (size_t i = 0; i < kSignals.size(); ++i) (void)sigaction(kSignals.at(i), &former_.at(i), nullptr);
  const int number = received_signal;
  received_signal = 0;
  if (number != 0) (void)raise(number);
}

// NOLINTNEXTLINE(readability-convert-member-functions-to-static): it speaks of this object's time
bool SignalDelay::Interrupted() const { return received_signal != 0; }

Result<std::unique_ptr<SwapPause>> SwapPause::Begin(Machine& machine, const ActiveSwap& swap,
                                                    std::string_view fstab_options) {
  const std::string meminfo = TRY(machine.ReadText("/proc/meminfo"));
  const uint64_t available = TRY(MemoryInfo(meminfo, "MemAvailable"));
  if (available < swap.used) {
    return Error::Format(ErrorCode::kRefused,
                         "swapoff %s: %s are swapped out, but only %s of memory are available: end some programs first",
                         swap.path.c_str(), FormatSize(swap.used).c_str(), FormatSize(available).c_str());
  }
  std::unique_ptr<SwapPause> pause(new SwapPause(machine, swap.path, SwapOnFlags(swap, fstab_options)));
  TRY(machine.SwapOff(swap.path));
  pause->active_ = true;
  if (pause->signals_.Interrupted()) {
    return Error::Format(ErrorCode::kRefused, "interrupted: nothing was changed, the swap is back");
  }
  return pause;
}

SwapPause::~SwapPause() { (void)End(); }

Result<> SwapPause::End() {
  if (!active_) return {};
  active_ = false;
  TRY(machine_.SwapOn(path_, flags_), "the swap is OFF and could not be turned on again (try `swapon %s`)",
      path_.c_str());
  return {};
}

}  // namespace crashdump
