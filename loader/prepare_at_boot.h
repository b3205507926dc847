// SPDX-License-Identifier: GPL-2.0-or-later
// `crashdump prepare --at-boot`: what crashdump-prepare.service does before swaps come into use, at every boot.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/storage/find_devices.h"
#include "loader/configuration.h"
#include "loader/machine.h"
#include "loader/prepare_swap.h"
#include "loader/state.h"

namespace crashdump {

// How long a boot may wait for the swap: the swaps wait with it.
inline constexpr SettleLimits kBootLimits = {.quiet_milliseconds = 2000, .deadline_milliseconds = 20000};

// Waits for the swap and prepares it, if RESERVE= is set: to do so unasked would be to take a part of it by surprise.
// Returns what was done, or why nothing was, for people. That nothing is there to be prepared is a failure only if
// TARGET= names it.
Result<std::string> PrepareAtBoot(Machine& machine, const StateDirectories& state, const Configuration& configuration,
                                  PrepareOptions options, const SettleLimits& limits = kBootLimits);

}  // namespace crashdump
