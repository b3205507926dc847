// SPDX-License-Identifier: GPL-2.0-or-later
// /proc/swaps and /etc/fstab, by device: which line is about which.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/storage/find_devices.h"
#include "loader/machine.h"
#include "loader/system_facts.h"

namespace crashdump {

// The line of /proc/swaps that is about this device, if it is in use.
Result<std::optional<ActiveSwap>> FindActive(const Machine& machine, const DeviceIdentity& identity);

// The swaps of /etc/fstab; none if there is no such file.
std::vector<SwapEntry> ReadFstabSwaps(const Machine& machine);

// Whether the entry means this device: by UUID, by another tag or by any path of its node.
bool IsAbout(const Machine& machine, const SwapEntry& entry, const SwapDevice& device);

}  // namespace crashdump
