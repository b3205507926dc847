// SPDX-License-Identifier: GPL-2.0-or-later
// The drivers of a device, in terms that another kernel, whose drivers may be built in where this one has modules and
// the reverse, understands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace crashdump {

struct SystemPaths;

struct DeviceDriver {
  std::string module;  // this kernel's module; empty if the driver is built in
  std::string alias;   // what the device is (its modalias), for a kernel to find a driver by; empty if its bus has none

  bool operator==(const DeviceDriver&) const = default;
};

// "MODULE", "ALIAS" or "MODULE ALIAS": what the capture initramfs reads, and the text of the target description.
std::string FormatDriver(const DeviceDriver& driver);
// kCorrupt unless FormatDriver() can have made it.
Result<DeviceDriver> ParseDriver(std::string_view text);

// The drivers between a disk and the root of the device tree, in load order (the bus first), each once. `sysfs` and
// `disk` are paths without links: "/sys", "/sys/devices/pci0000:00/.../block/vda".
std::vector<DeviceDriver> DriversOfDisk(const std::string& sysfs, const std::string& disk);

// Those of the machine's hardware watchdogs, in the same order.
std::vector<DeviceDriver> DriversOfWatchdogs(const SystemPaths& paths);

}  // namespace crashdump
