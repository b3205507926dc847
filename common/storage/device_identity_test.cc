// SPDX-License-Identifier: GPL-2.0-or-later
// Against a tree like the kernel's sysfs, built in a temporary directory.
#include "common/storage/device_identity.h"

#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include "common/testing/fake_sysfs.h"

namespace crashdump {
namespace {

constexpr const char* kVirtioPciAlias = "pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00";
constexpr const char* kVirtioBlkAlias = "virtio:d00000002v00001AF4";

class DeviceIdentityTest : public testing::Test {
 protected:
  DeviceIdentity Read(const std::string& name) {
    Result<DeviceIdentity> identity = ReadDeviceIdentity(sysfs_.paths(), name);
    EXPECT_TRUE(identity.ok()) << identity.error().text();
    return identity.TakeValue();
  }

  // A virtio disk vda with a partition vda2, as QEMU shows it.
  void AddVirtioDisk() {
    sysfs_.AddDriver("devices/pci0000:00/0000:00:04.0", "virtio-pci", "virtio_pci");
    sysfs_.Write("devices/pci0000:00/0000:00:04.0/modalias", std::string(kVirtioPciAlias) + "\n");
    sysfs_.AddDriver("devices/pci0000:00/0000:00:04.0/virtio1", "virtio_blk", "virtio_blk");
    sysfs_.Write("devices/pci0000:00/0000:00:04.0/virtio1/modalias", std::string(kVirtioBlkAlias) + "\n");
    sysfs_.AddDisk("devices/pci0000:00/0000:00:04.0/virtio1/block/vda", "254:0", 1048576);
    sysfs_.AddPartition("devices/pci0000:00/0000:00:04.0/virtio1/block/vda", "vda2", "254:2", 2048, 524288);
    sysfs_.Write(kVda + "/serial", "disk-0001");
  }

  const std::string kVda = "devices/pci0000:00/0000:00:04.0/virtio1/block/vda";
  FakeSysfs sysfs_;
};

TEST_F(DeviceIdentityTest, ReadsAVirtioPartition) {
  AddVirtioDisk();
  sysfs_.Write(kVda + "/vda2/uevent", "DEVNAME=vda2\nPARTN=2\nPARTUUID=0a1b2c3d-0001-4000-8000-0123456789ab\n");
  const DeviceIdentity identity = Read("vda2");
  EXPECT_EQ(identity.name, "vda2");
  EXPECT_EQ(identity.disk_name, "vda");
  EXPECT_EQ(identity.device_number, makedev(254, 2));
  EXPECT_EQ(identity.size, 524288U * 512);
  EXPECT_EQ(identity.disk_size, 1048576U * 512);
  EXPECT_EQ(identity.logical_block_size, 512U);
  EXPECT_EQ(identity.start_sector, 2048U);
  EXPECT_EQ(identity.serial, "disk-0001");
  EXPECT_EQ(identity.model, "");
  EXPECT_EQ(identity.part_uuid, "0a1b2c3d-0001-4000-8000-0123456789ab");
  EXPECT_EQ(identity.drivers,
            (std::vector<DeviceDriver>{{"virtio_pci", kVirtioPciAlias}, {"virtio_blk", kVirtioBlkAlias}}));
  EXPECT_TRUE(CheckAcceptable(identity).ok());
}

TEST_F(DeviceIdentityTest, ReadsAWholeDiskWithoutPartitions) {
  sysfs_.AddDisk("devices/pci0000:00/0000:00:05.0/virtio2/block/vdb", "254:16", 2048);
  const DeviceIdentity identity = Read("vdb");
  EXPECT_EQ(identity.disk_name, "vdb");
  EXPECT_EQ(identity.size, 2048U * 512);
  EXPECT_EQ(identity.disk_size, 2048U * 512);
  EXPECT_EQ(identity.start_sector, 0U);
  EXPECT_EQ(identity.serial, "");
  EXPECT_EQ(identity.part_uuid, "");
  EXPECT_TRUE(identity.drivers.empty());
  EXPECT_TRUE(CheckAcceptable(identity).ok());
}

TEST_F(DeviceIdentityTest, ReadsAnAtaDisk) {
  const std::string device = "devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0";
  sysfs_.AddDriver("devices/pci0000:00/0000:00:1f.2", "ahci", "ahci");
  sysfs_.AddDriver(device, "sd", "");  // built in
  sysfs_.Write(device + "/modalias", "scsi:t-0x00\n");
  sysfs_.AddDisk(device + "/block/sda", "8:0", 1048576, 4096);
  sysfs_.AddPartition(device + "/block/sda", "sda1", "8:1", 40, 4096);
  sysfs_.Write(device + "/vpd_pg80", std::string("\x00\x80\x00\x14", 4) + "QM00001             garbage");
  sysfs_.Write(device + "/wwid", "t10.ATA QEMU HARDDISK QM00001\n");
  sysfs_.Write(device + "/model", "QEMU HARDDISK   \n");
  const DeviceIdentity identity = Read("sda1");
  EXPECT_EQ(identity.serial, "QM00001");
  EXPECT_EQ(identity.model, "QEMU HARDDISK");
  EXPECT_EQ(identity.logical_block_size, 4096U);
  EXPECT_EQ(identity.start_sector, 40U);
  EXPECT_EQ(identity.drivers, (std::vector<DeviceDriver>{{"ahci", ""}, {"", "scsi:t-0x00"}}));
  EXPECT_TRUE(CheckAcceptable(identity).ok());
  // A page 0x80 that is none: the wwid is what is left.
  for (const std::string& page : {std::string("\x00\x83\x00\x04QM00", 8), std::string("\x00\x80", 2), std::string()}) {
    sysfs_.Write(device + "/vpd_pg80", page);
    EXPECT_EQ(Read("sda1").serial, "t10.ATA QEMU HARDDISK QM00001");
  }
}

TEST_F(DeviceIdentityTest, ReadsAnNvmeDiskWithOneAndWithSeveralPaths) {
  const std::string pci = "devices/pci0000:00/0000:00:06.0";
  sysfs_.AddDriver(pci, "nvme", "nvme");
  sysfs_.AddDisk(pci + "/nvme/nvme0/nvme0n1", "259:0", 1048576);
  sysfs_.Write(pci + "/nvme/nvme0/serial", "NV-77               \n");
  sysfs_.Write(pci + "/nvme/nvme0/model", "QEMU NVMe Ctrl\n");
  EXPECT_EQ(Read("nvme0n1").serial, "NV-77");
  EXPECT_EQ(Read("nvme0n1").model, "QEMU NVMe Ctrl");
  EXPECT_EQ(Read("nvme0n1").drivers, (std::vector<DeviceDriver>{{"nvme", ""}}));

  const std::string subsystem = "devices/virtual/nvme-subsystem/nvme-subsys1";
  sysfs_.AddDisk(subsystem + "/nvme1n1", "259:3", 1048576);
  sysfs_.Link(subsystem + "/nvme0", pci + "/nvme/nvme0");
  EXPECT_EQ(Read("nvme1n1").drivers, (std::vector<DeviceDriver>{{"nvme", ""}}));
  EXPECT_TRUE(CheckAcceptable(Read("nvme1n1")).ok());
}

TEST_F(DeviceIdentityTest, RefusesKindsByNameAndByNumber) {
  const struct {
    const char* name;
    const char* number;
    const char* reason;
  } kinds[] = {
      {"loop0", "7:0", "loop"},
      {"zram0", "253:0", "zram"},
      {"nbd0", "43:0", "network"},
      {"dm-0", "252:0", "mapper"},
      {"md0", "9:0", "RAID"},
      {"ram0", "1:0", "RAM disk"},
      {"xyz", "7:9", "loop"},
      {"abc", "43:1", "network"},
      {"bcache0", "251:0", "bcache"},
      {"vdx", "250:0", "virtual"},
      {"pmem0", "259:5", "persistent memory"},
  };
  for (const auto& kind : kinds) {
    sysfs_.AddDisk(std::string("devices/virtual/block/") + kind.name, kind.number, 2048);
    const Result<> refused = CheckAcceptable(Read(kind.name));
    ASSERT_FALSE(refused.ok()) << kind.name;
    EXPECT_EQ(refused.error().code(), ErrorCode::kRefused);
    EXPECT_NE(std::string(refused.error().text()).find(kind.reason), std::string::npos) << refused.error().text();
    EXPECT_NE(std::string(refused.error().text()).find(kind.name), std::string::npos);
  }
}

TEST_F(DeviceIdentityTest, RefusesEachStateThatForbidsARegion) {
  const struct {
    const char* file;
    const char* content;
    const char* reason;
  } states[] = {
      {"/vda2/holders/dm-0", "", "in use by dm-0"},
      {"/holders/dm-1", "", "in use by dm-1"},
      {"/slaves/sdc", "", "made from sdc"},
      {"/vda2/ro", "1\n", "read-only"},
      {"/ro", "1\n", "read-only"},
      {"/queue/zoned", "host-managed\n", "zoned"},
      {"/queue/logical_block_size", "8192\n", "8192"},
  };
  for (const auto& state : states) {
    FakeSysfs fresh;
    fresh.AddDisk(kVda, "254:0", 1048576);
    fresh.AddPartition(kVda, "vda2", "254:2", 2048, 524288);
    fresh.Write(kVda + "/queue/zoned", "none\n");
    EXPECT_TRUE(CheckAcceptable(ReadDeviceIdentity(fresh.paths(), "vda2").value()).ok());
    fresh.Write(kVda + state.file, state.content);
    const Result<> refused = CheckAcceptable(ReadDeviceIdentity(fresh.paths(), "vda2").value());
    ASSERT_FALSE(refused.ok()) << state.file;
    EXPECT_NE(std::string(refused.error().text()).find(state.reason), std::string::npos) << refused.error().text();
  }
  AddVirtioDisk();
  EXPECT_NE(Read("vda").unacceptable.find("partitions"), std::string::npos);
}

TEST_F(DeviceIdentityTest, FindsNamesAndNodes) {
  AddVirtioDisk();
  sysfs_.AddDisk("devices/virtual/block/loop0", "7:0", 0);
  sysfs_.AddDisk("devices/pci/nvme0c0n1", "259:9", 64);
  sysfs_.Write("devices/pci/nvme0c0n1/hidden", "1\n");
  EXPECT_EQ(ListBlockDevices(sysfs_.paths()).value(), (std::vector<std::string>{"vda", "vda2"}));
  EXPECT_EQ(NameOfDevice(sysfs_.paths(), makedev(254, 2)).value(), "vda2");
  EXPECT_EQ(NameOfDevice(sysfs_.paths(), makedev(254, 3)).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(ReadDeviceIdentity(sysfs_.paths(), "vdz").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(ReadDeviceIdentity(sysfs_.paths(), "").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(ReadDeviceIdentity(sysfs_.paths(), "../block/vda").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(NodePath(SystemPaths(), "cciss!c0d0p1"), "/dev/cciss/c0d0p1");
  EXPECT_FALSE(ListBlockDevices({sysfs_.paths().sysfs + "/none", "/dev"}).ok());
}

TEST_F(DeviceIdentityTest, AttributesThatAreNoNumbersAreNamed) {
  AddVirtioDisk();
  sysfs_.Write(kVda + "/vda2/start", "zebra\n");
  const Result<DeviceIdentity> identity = ReadDeviceIdentity(sysfs_.paths(), "vda2");
  ASSERT_FALSE(identity.ok());
  EXPECT_NE(std::string(identity.error().text()).find("vda2: sysfs attribute start"), std::string::npos);
}

TEST_F(DeviceIdentityTest, NodeOfAnotherDeviceIsRefused) {
  AddVirtioDisk();
  sysfs_.WriteNode("vda2", std::string(4096, 'x'));
  const DeviceIdentity identity = Read("vda2");
  EXPECT_FALSE(OpenIdentified(sysfs_.paths(), identity, OpenMode::kReadOnly).ok()) << "a regular file";
}

}  // namespace
}  // namespace crashdump
