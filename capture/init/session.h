// SPDX-License-Identifier: GPL-2.0-or-later
// The processes of a session: those that somebody has started at a terminal, each job in a group of its own.
#pragma once

#include <sys/types.h>

namespace crashdump {

// SIGKILL to all processes of the session that `leader` leads, or has led, as far as `proc` tells.
void KillSession(pid_t leader, const char* proc = "/proc");

}  // namespace crashdump
