// SPDX-License-Identifier: GPL-2.0-or-later
// TargetDescription: everything that `load` learned about the target and that must still be so at crash time. It is
// carried as text in the overlay of the capture initramfs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/units.h"
#include "common/crypto/crypto.h"
#include "common/storage/device_drivers.h"
#include "common/storage/device_identity.h"
#include "common/storage/region.h"
#include "common/storage/swap_header.h"
#include "common/storage/uuid.h"

namespace crashdump {

// One device with a region on it.
struct TargetDevice {
  uint64_t size = 0;                // bytes
  uint64_t disk_size = 0;           // bytes, of the whole disk that it is a part of
  uint32_t logical_block_size = 0;  // bytes
  uint64_t start_sector = 0;        // of 512 bytes
  std::string part_uuid;            // empty: none was there
  std::string serial;               // raw; empty: none was there
  std::string model;                // raw; empty: none was there
  std::vector<DeviceDriver> drivers;

  Uuid swap_uuid{};
  uint32_t page_size = 0;
  uint32_t last_page = 0;

  Range region;  // bytes from the device's beginning
  RegionId region_id{};
  Hash start_stamp{};  // of the stamp's 4096 bytes on the disk
  Hash end_stamp{};
  ControlHashes control_blocks{};

  bool operator==(const TargetDevice&) const = default;
};

// Page data of one arming: a range relative to the region of devices[device]; may be empty (messages only).
struct TargetExtent {
  uint64_t device = 0;
  Range range;

  bool operator==(const TargetExtent&) const = default;
};

// Lists from the start, but this version makes and accepts exactly one device and one extent.
struct TargetDescription {
  std::vector<TargetDevice> devices;
  std::vector<TargetExtent> extents;
  unsigned slot = 0;  // message slot, in the region of devices[0]
  // Of one that is made long before it is loaded, for places that are kept for it: HashSamples() of its extent. What
  // other boots have written into the other slots meanwhile is no sign of anything then.
  std::optional<Hash> kept_samples;

  bool operator==(const TargetDescription&) const = default;

  const TargetDevice& device() const { return devices.front(); }
  const Range& extent() const { return extents.front().range; }
};

// Reads from the device all that a description holds about it. The caller has checked that the device is acceptable
// and that the stamps equal the stored ones. The errors of ReadSwapHeader and ReadStamps, or kOs.
Result<TargetDevice> DescribeDevice(const ByteSource& device, const DeviceIdentity& identity, uint32_t page_size);

std::string FormatTargetDescription(const TargetDescription& description);

// Accepts only what could be a target: one device, one extent inside the region's page data, a slot that exists,
// aligned bounds. kUnsupported for more devices or a later version, else kCorrupt, kNotFound or kInvalidArgument naming
// the line.
Result<TargetDescription> ParseTargetDescription(std::string_view text);

}  // namespace crashdump
