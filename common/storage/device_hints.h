// SPDX-License-Identifier: GPL-2.0-or-later
// DeviceHints: the facts about region and device that `load` puts beside an arming's keys (KeyRecord::hints), so that
// recover can find the dump when the swap header or the stamps are gone. Hints are never conditions: what authenticates
// is the dump.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/base/units.h"
#include "common/storage/device_identity.h"
#include "common/storage/target_description.h"

namespace crashdump {

using HintList = std::vector<std::pair<std::string, std::string>>;

struct DeviceHints {
  Range region;                     // bytes from the device's beginning
  uint64_t device_size = 0;         // bytes
  uint64_t start_sector = 0;        // of 512 bytes, in its disk
  uint32_t logical_block_size = 0;  // bytes
  std::string part_uuid;            // empty: none was there, likewise serial and model
  std::string serial;
  std::string model;

  bool operator==(const DeviceHints&) const = default;
};

// region-begin, region-end, device-size, start-sector, logical-block-size, part-uuid, serial, model; what is empty or
// is no single line of printable text is left out.
HintList HintsOf(const TargetDevice& device);

// kNotFound or kInvalidArgument name the missing or wrong hint; part-uuid, serial and model may be missing.
Result<DeviceHints> ParseHints(const HintList& hints);

// Whether the live device has every recorded fact: size, place in its disk, PARTUUID, serial, model.
bool SameDevice(const DeviceHints& hints, const DeviceIdentity& identity);

}  // namespace crashdump
