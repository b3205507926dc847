// SPDX-License-Identifier: GPL-2.0-or-later
// CrashScreen: the display of a machine that has one, if it is wanted (crashdump.screen=brown).
#pragma once

#include <string_view>

#include "capture/init/screen_process.h"
#include "capture/screen/screen_content.h"

namespace crashdump {

struct CrashScreen {
  ScreenProcess process;
  ScreenContent content;
  // Whether the display may have a keyboard: keys that nobody can press are not offered.
  bool has_keyboard = true;
  // How often one that has ended, of which memory may have run out, is started again.
  unsigned restarts_left = 2;

  bool is_shown() const { return process.is_running(); }
  // Has what has changed drawn. Fails if what draws has ended for good; nothing is shown then.
  Result<> Refresh();
  // A fact of a `crash` line of the capture child (capture/README.md): "panic Kernel panic - not syncing: ...".
  void SetFact(std::string_view fact);
};

// Takes the terminal at `path` over. The kernel's own messages stay away from it: its log has them.
Result<> TakeOverTerminal(CrashScreen& screen, const char* path);

}  // namespace crashdump
