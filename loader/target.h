// SPDX-License-Identifier: GPL-2.0-or-later
// Finding the one device that holds the target swap.
#pragma once

#include <string_view>

#include "common/base/result.h"
#include "common/storage/device_identity.h"
#include "common/storage/uuid.h"
#include "loader/machine.h"

namespace crashdump {

// The only device with this swap UUID, on which a region may be. kNotFound if there is none; kRefused if there are
// several or the device may not hold a region.
Result<DeviceIdentity> FindTarget(const Machine& machine, const Uuid& uuid);

// "UUID=8-4-4-4-12" (as in fstab) or the digits alone.
Result<Uuid> ParseTarget(std::string_view text);

}  // namespace crashdump
