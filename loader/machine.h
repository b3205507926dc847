// SPDX-License-Identifier: GPL-2.0-or-later
// Machine: everything that the loader asks of the running system or does to it, in one place, so that tests run it on a
// tree of files and fakes. What the kernel tells in files is read below `root`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/format/armed_record.h"
#include "common/storage/block_device.h"
#include "common/storage/device_identity.h"
#include "common/storage/find_devices.h"
#include "common/storage/uuid.h"
#include "loader/architecture.h"

namespace crashdump {

inline constexpr const char* kConfigurationPath = "/etc/crashdump.conf";
inline constexpr const char* kStatePath = "/var/lib/crashdump";
// One level below, so that nobody sees by the times of the directory above when what is in it changes.
inline constexpr const char* kRememberedPath = "/var/lib/crashdump/remembered";
inline constexpr const char* kKeysPath = "/var/lib/crashdump/keys";
inline constexpr const char* kRegionsPath = "/var/lib/crashdump/regions";
inline constexpr const char* kRunPath = "/run/crashdump";
inline constexpr const char* kCrashLoadedPath = "/sys/kernel/kexec_crash_loaded";
inline constexpr const char* kCrashSizePath = "/sys/kernel/kexec_crash_size";

// A suspend signature somewhere on the machine.
struct SuspendedDevice {
  std::string name;       // "vda2", or the path of a swap file
  std::string signature;  // "S1SUSPEND"
};

// What goes into the crash reservation, and how. Both descriptors are borrowed, and open for reading only.
struct CrashImage {
  int kernel = -1;
  int initramfs = -1;
  std::string command_line;
  LoadMethod method = LoadMethod::kFileLoad;
  Architecture architecture;
};

class Machine {
 public:
  explicit Machine(std::string root) : root_(std::move(root)) {}
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  virtual ~Machine() = default;

  // Where the file with this absolute path is.
  std::string Path(std::string_view path) const { return root_ + std::string(path); }
  // The file's text; the error names the path.
  Result<std::string> ReadText(const char* path) const;
  bool Exists(const char* path) const;
  // The same of a link, wherever that leads.
  bool IsThere(const char* path) const;

  virtual std::string KernelRelease() const = 0;  // as uname -r prints it
  virtual std::string KernelMachine() const = 0;  // as uname -m prints it
  virtual uint32_t PageSize() const = 0;          // bytes
  virtual uint64_t SecondsSince1970() const = 0;
  // statfs(2)'s f_type of the filesystem that holds the file.
  virtual Result<uint64_t> FilesystemType(const char* path) const = 0;
  // Whether the path is a node of this device.
  virtual bool IsNodeOf(const std::string& path, dev_t device_number) const = 0;

  // The kernel's names of all block devices.
  virtual Result<std::vector<std::string>> ListDevices() const = 0;
  // Every device that libblkid takes for a swap with a UUID, and those with this one.
  virtual Result<std::vector<SwapDevice>> ListSwaps() const = 0;
  virtual Result<std::vector<DeviceIdentity>> FindSwaps(const Uuid& uuid) const = 0;
  virtual Result<std::unique_ptr<BlockDevice>> OpenDevice(const DeviceIdentity& identity, OpenMode mode) const = 0;
  // Every block device that begins with a suspend signature. Devices that cannot be read are passed over.
  virtual Result<std::vector<SuspendedDevice>> FindSuspendedDevices() const = 0;
  // Of the machine's hardware watchdogs.
  virtual std::vector<DeviceDriver> WatchdogDrivers() const = 0;
  // Takes the lock on the whole disk's node that udev honours, and holds it until the descriptor is closed.
  virtual Result<UniqueFd> LockDisk(const std::string& disk_name) const = 0;

  virtual Result<> SwapOff(const std::string& path) = 0;
  // `flags` as in swapon(2).
  virtual Result<> SwapOn(const std::string& path, int flags) = 0;
  // Whether the kernel has kexec_file_load(2) for this program.
  virtual bool HasKexecFileLoad() const = 0;
  // On failure the former image is loaded still, or none.
  virtual Result<> LoadCrashKernel(const CrashImage& image) = 0;
  virtual Result<> UnloadCrashKernel() = 0;
  // Writes what is cached to the disks, and crashes. Returns only if the kernel did not.
  virtual Result<> Panic() = 0;

 private:
  std::string root_;
};

// The machine that this program runs on.
class LinuxMachine final : public Machine {
 public:
  LinuxMachine() : Machine("") {}

  std::string KernelRelease() const override;
  std::string KernelMachine() const override;
  uint32_t PageSize() const override;
  uint64_t SecondsSince1970() const override;
  Result<uint64_t> FilesystemType(const char* path) const override;
  bool IsNodeOf(const std::string& path, dev_t device_number) const override;
  Result<std::vector<std::string>> ListDevices() const override;
  Result<std::vector<SwapDevice>> ListSwaps() const override;
  Result<std::vector<DeviceIdentity>> FindSwaps(const Uuid& uuid) const override;
  Result<std::unique_ptr<BlockDevice>> OpenDevice(const DeviceIdentity& identity, OpenMode mode) const override;
  Result<std::vector<SuspendedDevice>> FindSuspendedDevices() const override;
  std::vector<DeviceDriver> WatchdogDrivers() const override;
  Result<UniqueFd> LockDisk(const std::string& disk_name) const override;
  Result<> SwapOff(const std::string& path) override;
  Result<> SwapOn(const std::string& path, int flags) override;
  bool HasKexecFileLoad() const override;
  Result<> LoadCrashKernel(const CrashImage& image) override;
  Result<> UnloadCrashKernel() override;
  Result<> Panic() override;

 private:
  SystemPaths paths_;
};

}  // namespace crashdump
