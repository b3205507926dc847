// SPDX-License-Identifier: GPL-2.0-or-later
// The proof: that this device is the one that was described at load and that nothing on it has changed since that
// matters. Without it capture writes nothing.
#pragma once

#include <cstddef>
#include <span>

#include "common/base/result.h"
#include "common/storage/block_device.h"
#include "common/storage/device_identity.h"
#include "common/storage/target_description.h"

namespace crashdump {

// Compares every recorded fact with the device as it is now and reads swap header, stamps and control blocks from it.
// kRefused names the first fact that differs, with both values; the error of a read that failed otherwise. A fact that
// was not recorded (empty serial, model, PARTUUID) is not compared.
// `attempt` 1 compares the control blocks of all slots; attempt 2 (the first died before its messages were safe)
// leaves out those of attempt 1 in the description's own slot. Of a description whose places are kept its own slot
// counts, in both attempts, and what lies in its extent.
Result<> Prove(const TargetDescription& description, const BlockDevice& device, const DeviceIdentity& identity,
               unsigned attempt);

// A device with the swap's UUID; borrowed.
struct Candidate {
  const DeviceIdentity* identity = nullptr;
  const BlockDevice* device = nullptr;
};

// The index of the one candidate that is the target, proven. kNotFound if there are none. Of several with the same
// UUID only the one with the recorded serial can be it: kRefused if no serial was recorded, if none has it, or if more
// than one has it.
Result<size_t> ChooseTarget(const TargetDescription& description, std::span<const Candidate> candidates,
                            unsigned attempt);

}  // namespace crashdump
