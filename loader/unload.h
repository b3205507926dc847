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

// Unloads the image that this boot's record says is ours, and removes the record. Key records stay: whether a dump can
// still come under a key is for the key policy.
Result<UnloadOutcome> UnloadOwnImage(Machine& machine, StateDirectory& run);

}  // namespace crashdump
