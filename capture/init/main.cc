// SPDX-License-Identifier: GPL-2.0-or-later
// crashdump-init: PID 1 of the capture kernel. Supervises the capture and reboots, whatever happens.
#include <sys/reboot.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "capture/init/boot_steps.h"
#include "capture/init/count_down.h"
#include "capture/init/final_action.h"
#include "capture/init/mounts.h"
#include "capture/init/printable.h"
#include "capture/init/pstore.h"
#include "capture/init/reboot.h"
#include "capture/init/supervise_capture.h"

namespace {

constexpr const char* kCaptureProgram = "/bin/crashdump-capture";

// How long the outcome of a capture that has succeeded stays on the screen.
constexpr uint64_t kSuccessMs = 5000;

// Leaves time to read what became of it, and to ask for a shell: a screen always, the consoles if the dump is not
// complete.
void ShowOutcome(crashdump::InitContext& init, bool saved) {
  using namespace crashdump;
  const ShellTime shell = init.options.shell;
  const bool offers_shell = shell == ShellTime::kAfter || (shell == ShellTime::kOnFailure && !saved);
  if (saved && !offers_shell && !init.screen.is_shown()) return;
  // So that a key can hold it.
  if ((!saved || init.screen.is_shown()) && init.options.linger_ms != 0) (void)RunSteps(init, KeyboardSteps());
  const bool short_look = saved && !offers_shell;
  RunCountDown(init, {.what_follows = std::string("The machine ") + Words(init.options.final).does,
                      .duration_ms = short_look ? std::min(kSuccessMs, init.options.linger_ms) : init.options.linger_ms,
                      .offers_shell = offers_shell,
                      .is_quiet = short_look,
                      .shell = {}});
}

// Just before the end: what the kernel logs behind the messages takes their room.
void UsePstore(crashdump::InitContext& init) {
  using namespace crashdump;
  const Result<> kept = KeepMessagesInPstore(init, kCaptureProgram);
  if (!kept.ok()) Note(init, "the panic messages cannot be kept in pstore: %s", kept.error().text());
}

crashdump::CaptureOutcome Capture(crashdump::InitContext& init) {
  using namespace crashdump;
  if (init.options.shell == ShellTime::kBefore) {
    RunCountDown(init, {.what_follows = "The capture begins",
                        .duration_ms = init.options.linger_ms,
                        .offers_shell = true,
                        .is_quiet = false,
                        .shell = {}});
  }
  init.screen.content.footer.clear();
  return SuperviseCapture(init, kCaptureProgram);
}

// Who has said no to the disk has not asked for another place.
bool WantsPstore(crashdump::InitContext& init, const crashdump::CaptureOutcome& outcome) {
  using namespace crashdump;
  if (!init.options.pstore || outcome.messages_safe || outcome.declined) return false;
  (void)RunSteps(init, PstoreSteps());
  const Result<std::string> backend = PstoreBackend();
  const std::string line = backend.ok() ? "the last panic messages go into the machine's pstore as it ends"
                                        : std::string("no pstore: ") + backend.error().text();
  init.console.Line("%s", line.c_str());
  init.screen.content.outcome.push_back(Printable(line));
  return backend.ok();
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
  // Ctrl-Alt-Del, at a keyboard that has a driver, is for frozen machines, and would be the end of a dump.
  (void)reboot(RB_DISABLE_CAD);
  InitContext init;
  bool saved = false;
  bool wants_pstore = false;
  const Result<> ready = RunSteps(init, BootSteps());
  if (ready.ok()) {
    const CaptureOutcome outcome = Capture(init);
    saved = outcome.complete;
    // A refusal has told them itself.
    if (!outcome.messages_safe && outcome.end != CaptureAttempt::End::kRefused) ShowMessages(init, kCaptureProgram);
    wants_pstore = WantsPstore(init, outcome);
  } else {
    const std::string failure = std::string("no dump: ") + ready.error().text();
    init.console.Line("%s", failure.c_str());
    init.port.Line("note %s", ready.error().text());
    init.screen.content.outcome = {Printable(failure)};
  }
  ShowOutcome(init, saved);
  if (wants_pstore) UsePstore(init);
  PassStage(init, Stage::kReboot);
  init.console.Line("%s", Words(init.options.final).now);
  init.screen.content.footer = std::string("The machine ") + Words(init.options.final).does + " now.";
  RefreshScreen(init);
  // It would reset a machine that is to stay halted.
  if (init.options.final == FinalAction::kHalt) init.watchdog.Close();
  const RebootWays ways = WaysTo(init.options.final);
  RebootMachine(init, ways);
  // Nothing worked within its time. The end of PID 1 is a panic, and panic= on the command line the last way to reboot.
  Pause(init, ways.reset_ms);
  return 1;
}
