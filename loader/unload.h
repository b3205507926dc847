// SPDX-License-Identifier: GPL-2.0-or-later
// Taking our own capture kernel out of the crash reservation.
#pragma once

#include "common/base/result.h"
#include "common/base/state_directory.h"
#include "loader/machine.h"

namespace crashdump {

enum class UnloadOutcome : uint8_t {
  kUnloaded,
  kNothingLoaded,
  kForeign,  // an image that another program loaded; it stays
};

// Whether an image is loaded that no crashdump of this boot has loaded.
Result<bool> IsForeignImageLoaded(const Machine& machine, const StateDirectory& run);

// Gives the memory that is reserved for a capture kernel to the running kernel, until the next boot: its bytes.
// kRefused while an image is loaded.
Result<uint64_t> ReleaseReservation(const Machine& machine);

// Unloads the image that this boot's record says is ours, and removes the record. Key records stay: whether a dump can
// still come under a key is for the key policy.
Result<UnloadOutcome> UnloadOwnImage(Machine& machine, StateDirectory& run);

}  // namespace crashdump
