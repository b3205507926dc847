// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/reboot.h"

#include <sys/reboot.h>

#include "capture/init/clock.h"
#include "common/base/io.h"

namespace crashdump {

void RebootByCall() { (void)reboot(RB_AUTOBOOT); }

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
