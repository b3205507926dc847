// SPDX-License-Identifier: GPL-2.0-or-later
// sysfs names used here: Documentation/ABI/stable/sysfs-block and the attributes that each driver adds to its disks.
#include "common/storage/device_identity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <optional>

#include "common/base/io.h"
#include "common/base/parse.h"
#include "common/base/units.h"
#include "common/storage/blkid_probe.h"
#include "common/storage/sysfs.h"

namespace crashdump {
namespace {

using sysfs::Attribute;
using sysfs::BaseName;
using sysfs::Entries;
using sysfs::Exists;
using sysfs::ParentOf;
using sysfs::RealPath;

constexpr uint64_t kSectorBytes = 512;

// Devices that are not a disk of this machine, or not one that a capture kernel would find again. Majors:
// Documentation/admin-guide/devices.txt; 0 where they are given out dynamically.
struct DeviceKind {
  std::string_view prefix;  // of the name, before a digit
  unsigned major;
  const char* text;
};
constexpr std::array<DeviceKind, 13> kRefusedKinds = {{
    {"loop", 7, "a loop device"},
    {"zram", 0, "a zram device: it is memory"},
    {"nbd", 43, "a network block device"},
    {"ram", 1, "a RAM disk"},
    {"dm-", 0, "a device-mapper device (LVM, dm-crypt, multipath)"},
    {"md", 9, "an md RAID"},
    {"bcache", 0, "a bcache device"},
    {"drbd", 147, "a DRBD device"},
    {"rbd", 0, "a Ceph block device"},
    {"fd", 2, "a floppy disk"},
    {"sr", 11, "an optical disk"},
    {"mtdblock", 31, "raw flash memory"},
    {"pmem", 259, "persistent memory"},
}};

Result<uint64_t> NumberAttribute(const std::string& directory, const char* name) {
  const std::string text = Attribute(directory, name);
  return TRY(ParseNumber(text), "sysfs attribute %s", name);
}

Result<dev_t> ParseDeviceNumber(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return Error::Format(ErrorCode::kCorrupt, "sysfs attribute dev is \"%.*s\"", static_cast<int>(text.size()),
                         text.data());
  }
  const uint64_t major_number = TRY(ParseNumber(text.substr(0, colon)), "sysfs attribute dev");
  const uint64_t minor_number = TRY(ParseNumber(text.substr(colon + 1)), "sysfs attribute dev");
  return makedev(static_cast<unsigned>(major_number), static_cast<unsigned>(minor_number));
}

// The unit serial number page of SCSI's INQUIRY (SPC-3, 7.6.10): 4 bytes of header, then text.
std::string SerialOfPage80(const std::string& device) {
  constexpr size_t kHeaderBytes = 4;
  const Result<std::string> page = ReadTextFile((device + "/vpd_pg80").c_str(), sysfs::kAttributeLimit);
  if (!page.ok() || page.value().size() < kHeaderBytes || page.value()[1] != '\x80') return {};
  const std::string& bytes = page.value();
  const size_t length = static_cast<size_t>(static_cast<uint8_t>(bytes[2]) << 8 | static_cast<uint8_t>(bytes[3]));
  std::string_view serial = std::string_view(bytes).substr(kHeaderBytes, length);
  while (!serial.empty() && serial.back() == '\0') serial.remove_suffix(1);
  return std::string(TrimSpace(serial));
}

std::string ReadSerial(const std::string& disk) {
  std::string serial = Attribute(disk, "serial");                      // virtio
  if (serial.empty()) serial = SerialOfPage80(disk + "/device");       // SCSI, ATA, USB
  if (serial.empty()) serial = Attribute(disk + "/device", "serial");  // NVMe, MMC
  if (serial.empty()) serial = Attribute(disk + "/device", "wwid");    // SCSI without page 0x80
  return serial;
}

std::string ReadModel(const std::string& disk) {
  std::string model = Attribute(disk + "/device", "model");        // SCSI, ATA, NVMe
  if (model.empty()) model = Attribute(disk + "/device", "name");  // MMC
  return model;
}

std::string ReadPartUuid(const SystemPaths& paths, const DeviceIdentity& identity, const std::string& directory) {
  // Newer kernels say it themselves.
  const std::string uevent = Attribute(directory, "uevent");
  constexpr std::string_view kKey = "PARTUUID=";
  for (std::string_view rest = uevent; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    if (line.starts_with(kKey)) return std::string(line.substr(kKey.size()));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const Result<UniqueFd> disk = OpenFile(NodePath(paths, identity.disk_name).c_str(), O_RDONLY | O_NONBLOCK);
  if (!disk.ok()) return {};
  const Result<std::string> uuid = ProbePartitionUuid(disk.value().get(), identity.start_sector);
  return uuid.ok() ? uuid.value() : std::string();
}

const char* RefusedKind(const DeviceIdentity& identity) {
  for (const DeviceKind& kind : kRefusedKinds) {
    const std::string& name = identity.disk_name;
    const bool named = name.starts_with(kind.prefix) && name.size() > kind.prefix.size() &&
                       isdigit(static_cast<unsigned char>(name[kind.prefix.size()])) != 0;
    // 259 is shared by all disks with many partitions: there only the name tells.
    const bool numbered = kind.major != 0 && kind.major != 259 && major(identity.device_number) == kind.major;
    if (named || numbered) return kind.text;
  }
  return nullptr;
}

std::string WhyUnacceptable(const DeviceIdentity& identity, const std::string& directory, const std::string& disk) {
  if (const char* const kind = RefusedKind(identity)) return kind;
  if (Exists(disk + "/dm") || Exists(disk + "/md") || Exists(disk + "/loop") ||
      disk.find("/devices/virtual/block/") != std::string::npos) {
    return "a virtual device";
  }
  const std::string zoned = Attribute(disk + "/queue", "zoned");
  if (!zoned.empty() && zoned != "none") return "a zoned device";
  if (Attribute(directory, "ro") == "1" || Attribute(disk, "ro") == "1") return "read-only";
  for (const std::string& place : {directory, disk}) {
    const std::vector<std::string> holders = Entries(place + "/holders");
    if (!holders.empty()) return "in use by " + holders.front();
    const std::vector<std::string> slaves = Entries(place + "/slaves");
    if (!slaves.empty()) return "made from " + slaves.front();
  }
  if (directory == disk) {
    for (const std::string& child : Entries(disk)) {
      std::string mark = disk;
      mark.append("/").append(child).append("/partition");
      if (Exists(mark)) return "a disk with partitions";
    }
  }
  if (!IsPowerOfTwo(identity.logical_block_size) || identity.logical_block_size < kSectorBytes ||
      identity.logical_block_size > kDiskUnit) {
    return "a disk with logical blocks of " + std::to_string(identity.logical_block_size) + " bytes";
  }
  return {};
}

}  // namespace

Result<DeviceIdentity> ReadDeviceIdentity(const SystemPaths& paths, std::string_view name) {
  const std::string link = paths.sysfs + "/class/block/" + std::string(name);
  const std::optional<std::string> root = RealPath(paths.sysfs);
  const std::optional<std::string> directory = RealPath(link);
  if (name.empty() || name.find('/') != std::string_view::npos || !root || !directory) {
    return Error::Format(ErrorCode::kNotFound, "there is no block device %.*s", static_cast<int>(name.size()),
                         name.data());
  }
  const bool is_partition = Exists(*directory + "/partition");
  const std::string disk = is_partition ? ParentOf(*directory) : *directory;

  DeviceIdentity identity;
  identity.name = name;
  identity.disk_name = BaseName(disk);
  identity.device_number = TRY(ParseDeviceNumber(Attribute(*directory, "dev")), "%s", identity.name.c_str());
  const uint64_t sectors = TRY(NumberAttribute(*directory, "size"), "%s", identity.name.c_str());
  const uint64_t disk_sectors = TRY(NumberAttribute(disk, "size"), "%s", identity.disk_name.c_str());
  const uint64_t block_size = TRY(NumberAttribute(disk + "/queue", "logical_block_size"), "%s", identity.name.c_str());
  if (std::max(sectors, disk_sectors) > UINT64_MAX / kSectorBytes || block_size > UINT32_MAX) {
    return Error::Format(ErrorCode::kCorrupt, "%s: sysfs gives an impossible size", identity.name.c_str());
  }
  identity.size = sectors * kSectorBytes;
  identity.disk_size = disk_sectors * kSectorBytes;
  identity.logical_block_size = static_cast<uint32_t>(block_size);
  if (is_partition) {
    identity.start_sector = TRY(NumberAttribute(*directory, "start"), "%s", identity.name.c_str());
    identity.part_uuid = ReadPartUuid(paths, identity, *directory);
  }
  identity.serial = ReadSerial(disk);
  identity.model = ReadModel(disk);
  identity.drivers = DriversOfDisk(*root, disk);
  identity.unacceptable = WhyUnacceptable(identity, *directory, disk);
  return identity;
}

Result<> CheckAcceptable(const DeviceIdentity& identity) {
  if (identity.unacceptable.empty()) return {};
  return Error::Format(ErrorCode::kRefused, "%s: no dump can go there: it is %s", identity.name.c_str(),
                       identity.unacceptable.c_str());
}

Result<std::vector<std::string>> ListBlockDevices(const SystemPaths& paths) {
  const std::string directory = paths.sysfs + "/class/block";
  if (!Exists(directory)) return Error::Os(errno, "%s", directory.c_str());
  std::vector<std::string> names = Entries(directory);
  std::erase_if(names, [&directory](const std::string& name) {
    const std::string size = Attribute(directory + "/" + name, "size");
    // A hidden device is one path of an NVMe disk; it has no node.
    return size.empty() || size == "0" || Attribute(directory + "/" + name, "hidden") == "1";
  });
  return names;
}

Result<std::string> NameOfDevice(const SystemPaths& paths, dev_t device_number) {
  const std::string number = std::to_string(major(device_number)) + ":" + std::to_string(minor(device_number));
  const std::optional<std::string> directory = RealPath(paths.sysfs + "/dev/block/" + number);
  if (!directory) return Error::Format(ErrorCode::kNotFound, "there is no block device %s", number.c_str());
  return BaseName(*directory);
}

std::string NodePath(const SystemPaths& paths, std::string_view name) {
  // In sysfs a '!' stands for the '/' of names such as cciss/c0d0.
  std::string node(name);
  std::replace(node.begin(), node.end(), '!', '/');
  return paths.dev + "/" + node;
}

Result<std::unique_ptr<LinuxBlockDevice>> OpenIdentified(const SystemPaths& paths, const DeviceIdentity& identity,
                                                         OpenMode mode) {
  const std::string path = NodePath(paths, identity.name);
  std::unique_ptr<LinuxBlockDevice> device = TRY(LinuxBlockDevice::Open(path.c_str(), mode), "%s", path.c_str());
  if (device->device_number() != identity.device_number) {
    return Error::Format(ErrorCode::kRefused, "%s is device %u:%u, but %s has the number %u:%u", path.c_str(),
                         major(device->device_number()), minor(device->device_number()), identity.name.c_str(),
                         major(identity.device_number), minor(identity.device_number));
  }
  return device;
}

}  // namespace crashdump
