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
};

// Runs a shell on the terminal with that device file, which the screen leaves for it, and waits for its end: who has
// asked for it is there, but for a day at most. What it leaves running is ended, what it has written is flushed.
// Fails if it cannot be run.
Result<> RunShell(InitContext& init, const std::string& terminal, const ShellProgram& program);

}  // namespace crashdump
