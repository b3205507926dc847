// SPDX-License-Identifier: GPL-2.0-or-later
// A wait that the person at the machine sees and can use: to look for longer, to get a shell.
#pragma once

#include <cstdint>
#include <string>

#include "capture/init/init_context.h"
#include "capture/init/shell.h"

namespace crashdump {

struct CountDown {
  std::string what_follows;  // "The machine restarts"
  uint64_t duration_ms = 0;
  bool offers_shell = false;
  bool is_quiet = false;  // only the screen tells of it
  // Nobody looks for longer, and a machine that has nobody is not to be held by noise on a serial line for ever.
  uint64_t longest_hold_ms = 3'600'000;
  ShellProgram shell;
};

// Space holds it, for longest_hold_ms at most, and space ends the hold; Enter gives a shell if one is offered, and ends
// it. No other key does anything, nor does what was typed before.
void RunCountDown(InitContext& init, const CountDown& count_down);

}  // namespace crashdump
