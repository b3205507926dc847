// SPDX-License-Identifier: GPL-2.0-or-later
// Which swap is meant where nobody says it: the one that was prepared; to prepare, the largest that may be.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/storage/find_devices.h"
#include "common/storage/uuid.h"
#include "loader/machine.h"
#include "loader/state.h"

namespace crashdump {

// The swap that holds this installation's region: `configured`, else the only swap of the machine that was prepared
// here. kNotFound: none was; kRefused: several were.
Result<Uuid> ChoosePreparedSwap(const Machine& machine, const StateDirectories& state,
                                const std::optional<Uuid>& configured);

// Those that are in use or in /etc/fstab, or were in use when RememberSwaps() was called, largest first. At an early
// boot nothing is in use yet, and a swap that systemd finds by its partition type is in no file.
Result<std::vector<SwapDevice>> SwapCandidates(const Machine& machine, const StateDirectories& state);

// The first of SwapCandidates() that `accepts` finds nothing wrong with. kNotFound, with what was wrong with each, if
// there is none.
Result<Uuid> ChooseSwapToPrepare(const Machine& machine, const StateDirectories& state,
                                 const std::function<Result<>(const SwapDevice&)>& accepts);

// Writes down which swaps are in use, for the next boot.
Result<> RememberSwaps(const Machine& machine, const StateDirectories& state);

}  // namespace crashdump
