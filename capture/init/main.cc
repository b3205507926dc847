// SPDX-License-Identifier: GPL-2.0-or-later
// crashdump-init: PID 1 of the capture kernel. Supervises the capture and reboots, whatever happens.
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <string>

#include "capture/init/boot_steps.h"
#include "capture/init/clock.h"
#include "capture/init/mounts.h"
#include "capture/init/printable.h"
#include "capture/init/reboot.h"
#include "capture/init/supervise_capture.h"

namespace {

constexpr const char* kCaptureProgram = "/bin/crashdump-capture";

struct ActionWords {
  const char* noun;
  const char* now;
  const char* does;
};

ActionWords Words(crashdump::FinalAction action) {
  switch (action) {
    case crashdump::FinalAction::kReboot:
      break;
    case crashdump::FinalAction::kPowerOff:
      return {.noun = "power-off", .now = "switching off", .does = "switches itself off"};
    case crashdump::FinalAction::kHalt:
      return {.noun = "halt", .now = "halting", .does = "halts"};
  }
  return {.noun = "reboot", .now = "rebooting", .does = "restarts"};
}

// How long the outcome of a capture that has succeeded stays on the screen.
constexpr uint64_t kSuccessMs = 5000;

// Leaves time to read what became of it: a screen always, the consoles if there is no dump.
void ShowOutcome(crashdump::InitContext& init, bool saved) {
  using namespace crashdump;
  if (saved && !init.screen.is_shown()) return;
  const uint64_t duration_ms = saved ? std::min(kSuccessMs, init.options.linger_ms) : init.options.linger_ms;
  if (!saved) init.console.Line("%s in %" PRIu64 " s", Words(init.options.final).noun, duration_ms / 1000);
  const uint64_t end_ms = NowMs() + duration_ms;
  for (uint64_t now_ms = NowMs(); now_ms < end_ms; now_ms = NowMs()) {
    constexpr uint64_t kSecondMs = 1000;
    init.screen.content.footer = std::string("The machine ") + Words(init.options.final).does + " in " +
                                 std::to_string((end_ms - now_ms + kSecondMs - 1) / kSecondMs) + " s.";
    init.screen.Refresh(NowMs());
    Pause(init, std::min(kSecondMs, end_ms - now_ms));
  }
}

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
    const std::string failure = std::string("no dump: ") + ready.error().text();
    init.console.Line("%s", failure.c_str());
    init.port.Line("note %s", ready.error().text());
    init.screen.content.outcome = {Printable(failure)};
  }
  ShowOutcome(init, saved);
  PassStage(init, Stage::kReboot);
  init.console.Line("%s", Words(init.options.final).now);
  init.screen.content.footer = std::string("The machine ") + Words(init.options.final).does + " now.";
  init.screen.Refresh(NowMs());
  // It would reset a machine that is to stay halted.
  if (init.options.final == FinalAction::kHalt) init.watchdog.Close();
  const RebootWays ways = WaysTo(init.options.final);
  RebootMachine(init, ways);
  // Nothing worked within its time. The end of PID 1 is a panic, and panic= on the command line the last way to reboot.
  Pause(init, ways.reset_ms);
  return 1;
}
