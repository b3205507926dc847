// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/device_drivers.h"

#include <algorithm>
#include <optional>

#include "common/storage/device_identity.h"
#include "common/storage/sysfs.h"

namespace crashdump {
namespace {

using sysfs::Attribute;
using sysfs::BaseName;
using sysfs::Entries;
using sysfs::Exists;
using sysfs::ParentOf;
using sysfs::RealPath;

bool IsWord(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

// What is before the first colon of an alias is the bus; a module's name has no colon.
bool IsAlias(std::string_view word) { return word.find(':') != std::string_view::npos; }

// Appends the drivers of all devices from `device` up to the root of the device tree, the nearest first.
void AppendDrivers(const std::string& root, const std::string& device, std::vector<DeviceDriver>& drivers) {
  std::string directory = device;
  while (directory.size() > root.size() && directory.starts_with(root)) {
    if (Exists(directory + "/driver")) {
      DeviceDriver driver;
      if (const std::optional<std::string> module = RealPath(directory + "/driver/module")) {
        driver.module = BaseName(*module);
      }
      const std::string alias = Attribute(directory, "modalias");
      if (IsWord(alias) && IsAlias(alias)) driver.alias = alias;
      if (!driver.module.empty() || !driver.alias.empty()) drivers.push_back(std::move(driver));
    }
    directory = ParentOf(directory);
  }
}

std::vector<DeviceDriver> InLoadOrder(const std::vector<DeviceDriver>& nearest_first) {
  std::vector<DeviceDriver> drivers;
  for (size_t i = nearest_first.size(); i-- > 0;) {
    if (std::find(drivers.begin(), drivers.end(), nearest_first[i]) == drivers.end()) {
      drivers.push_back(nearest_first[i]);
    }
  }
  return drivers;
}

}  // namespace

std::string FormatDriver(const DeviceDriver& driver) {
  if (driver.module.empty() || driver.alias.empty()) return driver.module + driver.alias;
  return driver.module + " " + driver.alias;
}

Result<DeviceDriver> ParseDriver(std::string_view text) {
  const size_t blank = text.find(' ');
  const std::string_view first = text.substr(0, blank);
  DeviceDriver driver;
  (IsAlias(first) ? driver.alias : driver.module) = first;
  if (blank != std::string_view::npos) driver.alias = text.substr(blank + 1);
  const bool module_fits = driver.module.empty() || IsWord(driver.module);
  const bool alias_fits = driver.alias.empty() || (IsWord(driver.alias) && IsAlias(driver.alias));
  // Whatever else it is, it would be written in another way.
  if (text.empty() || !module_fits || !alias_fits || FormatDriver(driver) != text) {
    return Error::Format(ErrorCode::kCorrupt, "\"%.*s\" names no driver", static_cast<int>(text.size()), text.data());
  }
  return driver;
}

std::vector<DeviceDriver> DriversOfDisk(const std::string& sysfs, const std::string& disk) {
  std::vector<DeviceDriver> nearest_first;
  const std::optional<std::string> device = RealPath(disk + "/device");
  if (!device) return {};
  AppendDrivers(sysfs, *device, nearest_first);
  // An NVMe disk with several paths hangs below its subsystem, which has a link to each controller.
  if (device->find("/nvme-subsystem/") != std::string::npos) {
    for (const std::string& name : Entries(*device)) {
      const std::optional<std::string> controller = RealPath(*device + "/" + name);
      if (name.starts_with("nvme") && controller && !controller->starts_with(*device)) {
        AppendDrivers(sysfs, *controller, nearest_first);
      }
    }
  }
  return InLoadOrder(nearest_first);
}

std::vector<DeviceDriver> DriversOfWatchdogs(const SystemPaths& paths) {
  const std::optional<std::string> root = RealPath(paths.sysfs);
  if (!root) return {};
  const std::string watchdogs = *root + "/class/watchdog/";
  const std::string modules = *root + "/module/";
  std::vector<DeviceDriver> nearest_first;
  for (const std::string& name : Entries(watchdogs)) {
    const std::optional<std::string> device = RealPath(watchdogs + name + "/device");
    if (device) AppendDrivers(*root, *device, nearest_first);
  }
  // Some drivers do not say which device their watchdog is (i6300esb, Linux 6.1). But they use the module that all
  // watchdogs have in common. Softdog has no device: it is a timer of the kernel that crashed.
  for (const std::string& module : Entries(modules + "watchdog/holders")) {
    const std::string drivers = modules + module + "/drivers/";
    for (const std::string& driver : Entries(drivers)) {
      const std::string devices = drivers + driver + "/";
      for (const std::string& name : Entries(devices)) {
        const std::optional<std::string> device = RealPath(devices + name);
        if (device && device->starts_with(*root + "/devices/")) AppendDrivers(*root, *device, nearest_first);
      }
    }
  }
  return InLoadOrder(nearest_first);
}

}  // namespace crashdump
