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

// How long a boot may wait for the swap, and then, three times the quiet time at most, for all other disks: the swaps
// wait with it.
inline constexpr SettleLimits kBootLimits = {.quiet_milliseconds = 2000, .deadline_milliseconds = 20000};

// Waits until the swap is there that `options` name, that is prepared, or, where none is, that may be. Before a swap is
// prepared for the first time it waits, too, until no new block device has appeared for a while and udev knows the
// swap's: a copy of it, an array that it is a part of or a hibernated system may come later. True if PrepareSwap() is
// to be called; false: there is nothing that could be prepared. kTimeout: what was waited for has not come.
Result<bool> WaitForSwap(const Machine& machine, const StateDirectories& state, const PrepareOptions& options,
                         const SettleLimits& limits = kBootLimits);

}  // namespace crashdump
