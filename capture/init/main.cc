// SPDX-License-Identifier: GPL-2.0-or-later
// crashdump-init: PID 1 of the capture kernel. Supervises the capture and reboots, whatever happens.
#include <unistd.h>

#include <cinttypes>
#include <cstdio>

#include "capture/init/boot_steps.h"
#include "capture/init/mounts.h"
#include "capture/init/reboot.h"
#include "capture/init/supervise_capture.h"

namespace {

constexpr const char* kCaptureProgram = "/bin/crashdump-capture";

}  // namespace

int main() {
  using namespace crashdump;
  if (getpid() != 1) {
    (void)fputs("crashdump-init: runs only as the first process (PID 1) of the capture kernel\n", stderr);
    return 1;
  }
  OccupyStandardFds();
  PrepareSignals();
  InitContext init;
  bool saved = false;
  const Result<> ready = RunSteps(init, BootSteps());
  if (ready.ok()) {
    saved = SuperviseCapture(init, kCaptureProgram) == CaptureAttempt::End::kDone;
  } else {
    init.console.Line("no dump: %s", ready.error().text());
    init.port.Line("note %s", ready.error().text());
  }
  if (!saved) {
    init.console.Line("reboot in %" PRIu64 " s", init.options.linger_ms / 1000);
    Pause(init, init.options.linger_ms);
  }
  PassStage(init, Stage::kReboot);
  init.console.Line("rebooting");
  RebootMachine(init, kRebootWays);
  // Nothing worked within its time. The end of PID 1 is a panic, and panic= on the command line the last way to reboot.
  Pause(init, kRebootWays.reset_ms);
  return 1;
}
