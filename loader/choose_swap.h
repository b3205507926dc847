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

// The swap that holds this installation's region: `configured`, else the only swap of the machine on which a region of
// the records is found. kNotFound: there is none, and none is missing; kRefused: a swap of the records is not there or
// cannot be read, or several hold regions.
Result<Uuid> ChoosePreparedSwap(const Machine& machine, const StateDirectories& state,
                                const std::optional<Uuid>& configured);

// Swaps that this system uses by itself, largest first: those in use, those of /etc/fstab (without noauto); where these
// are none, those that RememberSwaps() has written down: at an early boot nothing is in use yet, and a swap that
// systemd finds by its partition type is in no file. None on which no region may be (CheckAcceptable()).
Result<std::vector<SwapDevice>> SwapCandidates(const Machine& machine, const StateDirectories& state);

// Whether a boot that has not found its disks yet may have candidates later.
Result<bool> MayHaveCandidates(const Machine& machine, const StateDirectories& state);

// The first of SwapCandidates() that `accepts` finds nothing wrong with. kNotFound if there are no candidates; else
// what was wrong with the first.
Result<Uuid> ChooseSwapToPrepare(const Machine& machine, const StateDirectories& state,
                                 const std::function<Result<>(const SwapDevice&)>& accepts);

// Writes down which swaps are in use, for the next boot. Nothing changes while none is.
Result<> RememberSwaps(const Machine& machine, const StateDirectories& state);

}  // namespace crashdump
