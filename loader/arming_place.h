// SPDX-License-Identifier: GPL-2.0-or-later
// Where the dump of an arming goes: the swap that holds the region, proven to be this installation's, and a place in it
// that nothing occupies.
#pragma once

#include <memory>

#include "common/base/result.h"
#include "common/base/units.h"
#include "common/format/key_record.h"
#include "common/format/key_store.h"
#include "common/storage/block_device.h"
#include "common/storage/device_identity.h"
#include "common/storage/target_description.h"
#include "loader/machine.h"
#include "loader/occupancy.h"
#include "loader/state.h"

namespace crashdump {

// The target as it is now.
struct ArmingTarget {
  DeviceIdentity identity;
  std::unique_ptr<BlockDevice> device;
  TargetDevice described;
};

// The swap with this UUID. kRefused if it was not prepared, or by another installation.
Result<ArmingTarget> OpenArmingTarget(const Machine& machine, const StateDirectories& state, const Uuid& uuid);

// A place for the next dump.
struct Allocation {
  Occupancy occupancy;
  unsigned slot = 0;
  Range slot_range;  // relative to the region, like the extent
  Range extent;
};

// Of what OccupancyOf() gives. kNoSpace without a free slot.
Result<Allocation> Allocate(const ArmingTarget& target, Occupancy occupancy);

// A record of this place with its ids; the keys are the caller's.
Result<KeyRecord> MakeKeyRecord(const Machine& machine, const ArmingTarget& target, const Allocation& allocation);

// kRefused if a record is damaged, so that nobody knows what is free.
Result<Occupancy> OccupancyOf(const ArmingTarget& target, const KeyStore::Contents& keys);

enum class PlaceUse : uint8_t {
  kNow,   // it is free, and the image is loaded at once
  kKept,  // TargetDescription::kept_samples
};
// What capture will ask after the crash, and holds now.
Result<TargetDescription> DescribeTarget(const ArmingTarget& target, unsigned slot, const Range& extent, PlaceUse use);

}  // namespace crashdump
