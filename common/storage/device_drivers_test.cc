// SPDX-License-Identifier: GPL-2.0-or-later
// Disks' own chains of drivers: device_identity_test.cc.
#include "common/storage/device_drivers.h"

#include <gtest/gtest.h>

#include "common/testing/fake_sysfs.h"

namespace crashdump {
namespace {

TEST(DeviceDriverTest, IsTextAndBack) {
  const DeviceDriver drivers[] = {{"nvme", ""}, {"", "scsi:t-0x00"}, {"virtio_blk", "virtio:d00000002v00001AF4"}};
  for (const DeviceDriver& driver : drivers) {
    EXPECT_EQ(ParseDriver(FormatDriver(driver)).value(), driver) << FormatDriver(driver);
  }
}

TEST(DeviceDriverTest, RefusesWhatIsNoDriver) {
  for (const char* text : {"", " ", "nvme ", " pci:v1", "nvme ahci", "pci:v1 nvme", "pci:v1 pci:v2", "nvme pci:v1 x",
                           "nvme\tpci:v1", "nv\nme", "pci:v1\n"}) {
    EXPECT_EQ(ParseDriver(text).error().code(), ErrorCode::kCorrupt) << text;
  }
}

TEST(WatchdogDriversTest, TheBusFirstAndNoSoftdog) {
  FakeSysfs sysfs;
  const std::string bridge = "devices/pci0000:00/0000:00:1f.0";
  sysfs.AddDriver(bridge, "lpc_ich", "lpc_ich");
  sysfs.Write(bridge + "/modalias", "pci:v00008086d00002918\n");
  sysfs.AddDriver(bridge + "/iTCO_wdt.1.auto", "iTCO_wdt", "iTCO_wdt");
  sysfs.Write(bridge + "/iTCO_wdt.1.auto/modalias", "platform:iTCO_wdt\n");
  sysfs.Link("class/watchdog/watchdog0/device", bridge + "/iTCO_wdt.1.auto");
  sysfs.Write("class/watchdog/watchdog1/identity", "Software Watchdog\n");
  EXPECT_EQ(DriversOfWatchdogs(sysfs.paths()),
            (std::vector<DeviceDriver>{{"lpc_ich", "pci:v00008086d00002918"}, {"iTCO_wdt", "platform:iTCO_wdt"}}));
}

TEST(WatchdogDriversTest, OneWhoseDriverDoesNotSayWhichDeviceItIs) {
  FakeSysfs sysfs;
  const std::string device = "devices/pci0000:00/0000:00:05.0";
  sysfs.AddDriver(device, "i6300ESB timer", "i6300esb");
  sysfs.Write(device + "/modalias", "pci:v00008086d000025AB\n");
  sysfs.Link("bus/drivers/i6300ESB timer/0000:00:05.0", device);
  sysfs.Link("module/i6300esb/drivers/pci:i6300ESB timer", "bus/drivers/i6300ESB timer");
  sysfs.Write("class/watchdog/watchdog0/identity", "i6300ESB timer\n");
  sysfs.Write("module/softdog/initstate", "live\n");
  for (const char* module : {"i6300esb", "softdog"}) {
    sysfs.Link(std::string("module/watchdog/holders/") + module, std::string("module/") + module);
  }
  EXPECT_EQ(DriversOfWatchdogs(sysfs.paths()), (std::vector<DeviceDriver>{{"i6300esb", "pci:v00008086d000025AB"}}));
}

TEST(WatchdogDriversTest, NoneWithoutAWatchdog) {
  const FakeSysfs sysfs;
  EXPECT_TRUE(DriversOfWatchdogs(sysfs.paths()).empty());
}

// An alias comes from the device: what is no word would be read as something else.
TEST(WatchdogDriversTest, AnAliasThatIsNoWordIsLeftOut) {
  FakeSysfs sysfs;
  sysfs.AddDriver("devices/a", "a_wdt", "a_wdt");
  sysfs.Write("devices/a/modalias", "of:Na bTc\n");
  sysfs.Link("class/watchdog/watchdog0/device", "devices/a");
  EXPECT_EQ(DriversOfWatchdogs(sysfs.paths()), (std::vector<DeviceDriver>{{"a_wdt", ""}}));
}

}  // namespace
}  // namespace crashdump
