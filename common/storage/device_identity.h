// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernel says about a block device (sysfs), by which it is told apart from every other, and whether a region
// may be on such a device at all.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/storage/block_device.h"
#include "common/storage/device_drivers.h"

namespace crashdump {

// Where the kernel's trees are; tests build their own.
struct SystemPaths {
  std::string sysfs = "/sys";
  std::string dev = "/dev";
};

struct DeviceIdentity {
  std::string name;       // the kernel's name, "vda2"; never recorded, never trusted
  std::string disk_name;  // of the whole disk; equals `name` for one
  dev_t device_number = 0;
  uint64_t size = 0;                // bytes
  uint64_t disk_size = 0;           // bytes, of the whole disk; equals `size` for one
  uint32_t logical_block_size = 0;  // bytes
  uint64_t start_sector = 0;        // of 512 bytes, in its disk; 0 for a whole disk
  // Of the whole disk, exactly as the kernel gives them without blanks at both ends; empty if it gives none.
  std::string serial;
  std::string model;
  // Of the partition, lower case; empty for a whole disk and where the table has none.
  std::string part_uuid;
  // Of all devices between this one and the root of the device tree, in load order (the bus first), each once. Without
  // the modules that these modules need.
  std::vector<DeviceDriver> drivers;
  // Why no region may be on it ("a loop device", "in use by dm-0"), empty if one may.
  std::string unacceptable;
};

// Reads everything about the device with this kernel name. kNotFound if there is none. May read the partition table
// from the whole disk's node (read only); if that fails part_uuid stays empty.
Result<DeviceIdentity> ReadDeviceIdentity(const SystemPaths& paths, std::string_view name);

// kRefused with the reason unless a region may be on it: a partition, or a whole disk without partitions, with empty
// holders/ and slaves/, not loop, zram, nbd or otherwise virtual, not zoned, not read-only, with logical blocks of at
// most kDiskUnit.
Result<> CheckAcceptable(const DeviceIdentity& identity);

// The kernel's names of all block devices that have a size, in byte order.
Result<std::vector<std::string>> ListBlockDevices(const SystemPaths& paths);

// The kernel's name of the device with this number. kNotFound if there is none.
Result<std::string> NameOfDevice(const SystemPaths& paths, dev_t device_number);

// The path of the device's node.
std::string NodePath(const SystemPaths& paths, std::string_view name);

// Opens the device's node and refuses it (kRefused) if it is not the device that the identity was read from.
Result<std::unique_ptr<LinuxBlockDevice>> OpenIdentified(const SystemPaths& paths, const DeviceIdentity& identity,
                                                         OpenMode mode);

}  // namespace crashdump
