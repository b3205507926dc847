// SPDX-License-Identifier: GPL-2.0-or-later
// How everything ends.
#pragma once

#include <cstdint>

#include "capture/init/init_context.h"

namespace crashdump {

// The ways to end the init, softest first. None returns if it works.
struct RebootWays {
  void (*orderly)();  // called in a child: device drivers are shut down on the way, and may hang
  void (*reset)();    // called in init
  uint64_t orderly_ms;
  uint64_t reset_ms;
};

// 'b' into /proc/sysrq-trigger: at once, without asking any driver; reboot(2) if that is not there.
void ResetBySysrq();

// `ways.orderly` in a child; if the machine still runs after `ways.orderly_ms`, `ways.reset`. Nothing is synced:
// whoever wrote something has flushed it. Returns only if nothing worked.
void RebootMachine(InitContext& init, const RebootWays& ways);

// The ways of the product. The kernel halts a machine that it cannot switch off; one where that fails is reset.
RebootWays WaysTo(FinalAction action);

}  // namespace crashdump
