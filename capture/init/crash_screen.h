// SPDX-License-Identifier: GPL-2.0-or-later
// CrashScreen: the display of a machine that has one, if it is wanted (crashdump.screen=brown).
#pragma once

#include <cstdint>
#include <string_view>

#include "capture/screen/screen_content.h"
#include "capture/screen/terminal_screen.h"

namespace crashdump {

struct CrashScreen {
  TerminalScreen terminal;
  ScreenContent content;
  uint64_t drawn_ms = 0;

  bool is_shown() const { return terminal.is_open(); }
  // Draws what has changed; from time to time everything, in case somebody else has written there.
  void Refresh(uint64_t now_ms);
  // A fact of a `crash` line of the capture child (capture/README.md): "panic Kernel panic - not syncing: ...".
  void SetFact(std::string_view fact);
};

// Takes the terminal at `path` over. The kernel's own messages stay away from it: its log has them.
Result<> TakeOverTerminal(CrashScreen& screen, const char* path);

}  // namespace crashdump
