// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/reboot.h"

#include <sys/reboot.h>

#include "capture/init/clock.h"
#include "common/base/io.h"

namespace crashdump {
namespace {

void RebootByCall() { (void)reboot(RB_AUTOBOOT); }
// A machine whose power cannot be switched off is halted (kernel/reboot.c).
void PowerOffByCall() { (void)reboot(RB_POWER_OFF); }
void HaltByCall() { (void)reboot(static_cast<int>(RB_HALT_SYSTEM)); }

}  // namespace

RebootWays WaysTo(FinalAction action) {
  RebootWays ways = {.orderly = RebootByCall, .reset = ResetBySysrq, .orderly_ms = 20'000, .reset_ms = 10'000};
  if (action == FinalAction::kPowerOff) ways.orderly = PowerOffByCall;
  if (action == FinalAction::kHalt) ways.orderly = HaltByCall;
  return ways;
}

void ResetBySysrq() {
  (void)WriteExistingFile("/proc/sysrq-trigger", "b");
  (void)reboot(RB_AUTOBOOT);
}

void RebootMachine(InitContext& init, const RebootWays& ways) {
  // The guard comes in if init itself hangs in what follows.
  init.guard.Expect(ways.orderly_ms + ways.reset_ms, NowMs());
  const uint64_t end_ms = NowMs() + ways.orderly_ms;
  const Result<ChildProcess> child = ChildProcess::Call([&] {
    ways.orderly();
    return false;
  });
  if (!child.ok()) {
    init.console.Line("fork for the reboot: %s", child.error().text());
  } else if (WaitForEnd(init, child.value(), end_ms)) {
    init.console.Line("reboot(2) failed");
  } else {
    init.console.Line("reboot(2) hangs");
    child.value().Kill();
  }
  ways.reset();
}

}  // namespace crashdump
