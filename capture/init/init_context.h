// SPDX-License-Identifier: GPL-2.0-or-later
// InitContext: what PID 1 holds of the machine, and how it waits. Every wait feeds the watchdog and the guard, reaps
// children, and has an end.
#pragma once

#include <cstdint>
#include <optional>

#include "capture/init/child_process.h"
#include "capture/init/console.h"
#include "capture/init/crash_screen.h"
#include "capture/init/guard.h"
#include "capture/init/status_port.h"
#include "capture/init/watchdog.h"
#include "common/options/capture_options.h"
#include "common/options/stages.h"

namespace crashdump {

// Made without touching anything; the steps fill it.
struct InitContext {
  Console console;
  CrashScreen screen;
  StatusPort port;
  Watchdog watchdog;
  Guard guard;
  Options options;
};

// How long init's own doings between two waits may take before the guard resets the init.
inline constexpr uint64_t kGuardMs = 60'000;

// What is waited for, besides a `go` from the status port.
struct Awaited {
  const ChildProcess* child = nullptr;  // its end
  bool child_input = false;             // something to read from the child
  bool keys = false;                    // something that is typed at a console or at the screen
};

struct Events {
  bool child_input = false;  // there is something to read from the child, or its end
  bool go = false;           // a `go` came from the status port
  std::optional<Key> key;    // one at a time
  std::optional<int> exit;   // the child is gone; its wait status
};

// Waits until one of these has happened, but not beyond `until_ms` and never longer than a second.
Events WaitForEvents(InitContext& init, const Awaited& awaited, uint64_t until_ms);

// Forgets what has been typed so far: it answers no question that comes later.
void DiscardKeys(InitContext& init);

// Has what has changed on the screen drawn. If it cannot be any more, the terminals are consoles again.
void RefreshScreen(InitContext& init);
// The terminals are consoles again, since there is no screen for that reason. Not if one has hung: others would, too.
void GiveTerminalsBack(InitContext& init, const Error& reason);

// Waits for the child's end, at most until `until_ms`.
std::optional<int> WaitForEnd(InitContext& init, const ChildProcess& child, uint64_t until_ms);

// Lets time pass.
void Pause(InitContext& init, uint64_t duration_ms);

// A line for the person at the console and for the status port.
void Note(InitContext& init, const char* format, ...) __attribute__((format(printf, 2, 3)));

// Whether a stage is held: asked for, and somebody there to end it.
bool IsHeld(const InitContext& init, Stage stage);
// Tells the status port that `stage` is reached, and, if it is held, that init waits now.
void AnnounceStage(InitContext& init, Stage stage);
// AnnounceStage(), and if it is held, waits for the `go` or the end of the hold.
void PassStage(InitContext& init, Stage stage);

}  // namespace crashdump
