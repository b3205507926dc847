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
#include "capture/init/options.h"
#include "capture/init/stages.h"
#include "capture/init/status_port.h"
#include "capture/init/watchdog.h"

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

struct Events {
  bool child_input = false;  // there is something to read from the child, or its end
  bool go = false;           // a `go` came from the status port
  std::optional<int> exit;   // the child is gone; its wait status
};

// Waits for something to happen to `child` (may be null) or to the status port, but not beyond `until_ms` and never
// longer than a second. `read_child` says whether input from the child is waited for.
enum class ReadChild : uint8_t { kYes, kNo };
Events WaitForEvents(InitContext& init, const ChildProcess* child, ReadChild read_child, uint64_t until_ms);

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
