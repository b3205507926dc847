// SPDX-License-Identifier: GPL-2.0-or-later
// A shell for the person at the machine (crashdump.shell), on the terminal at which it is asked for.
#pragma once

#include <string>

#include "capture/init/init_context.h"

namespace crashdump {

// What is run, with which arguments.
struct ShellProgram {
  const char* path = "/bin/busybox";
  const char* name = "-sh";  // which reads /etc/profile, as mkcrashinitramfs makes it
  bool clears = false;       // the terminal, of a screen that was there
};

// Runs a shell on the terminal with that device file and waits for its end, however long that takes: who has asked for
// it is there. If it cannot be run, the terminal shows why.
Result<> RunShell(InitContext& init, const std::string& terminal, const ShellProgram& program = {});

}  // namespace crashdump
