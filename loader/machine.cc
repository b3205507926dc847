// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/machine.h"

#include <fcntl.h>
#include <linux/kexec.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>

#include "common/base/io.h"
#include "common/base/units.h"
#include "common/storage/swap_header.h"
#include "loader/boot_image.h"
#include "loader/busy.h"
#include "loader/freed_memory.h"
#include "loader/load_method.h"

// i386 has no such call: a number that no kernel has ends like the call of a kernel without it, with ENOSYS.
#ifndef SYS_kexec_file_load
#define SYS_kexec_file_load (-1L)
#endif

namespace crashdump {
namespace {

constexpr uint64_t kTextLimit = kMiB;
constexpr std::chrono::seconds kDiskLockLimit{10};

// The suspend signature at the beginning of the device or file, if it can be read and has one.
std::optional<SuspendSignature> SuspendSignatureOf(const ByteSource& source) {
  const Result<std::vector<uint8_t>> head = ReadSwapHead(source);
  if (!head.ok()) return std::nullopt;
  return FindSuspendSignature(head.value());
}

// The length counts the closing NUL.
long KexecFileLoad(int kernel, int initramfs, const std::string* command_line, unsigned long flags) {
  return syscall(SYS_kexec_file_load, kernel, initramfs, command_line == nullptr ? 0UL : command_line->size() + 1,
                 command_line == nullptr ? nullptr : command_line->c_str(), flags);
}

// Each of the two calls unloads what either of them has loaded.
Result<> CallUnload() {
  if (KexecFileLoad(-1, -1, nullptr, KEXEC_FILE_ON_CRASH | KEXEC_FILE_UNLOAD) == 0) return {};
  if (errno != ENOSYS) return Error::Os(errno, "kexec_file_load (unload)");
  if (syscall(SYS_kexec_load, 0UL, 0UL, nullptr, static_cast<unsigned long>(KEXEC_ON_CRASH)) != 0) {
    return Error::Os(errno, "kexec_load (unload)");
  }
  return {};
}

}  // namespace

Result<std::string> Machine::ReadText(const char* path) const {
  return TRY(ReadTextFile(Path(path).c_str(), kTextLimit), "%s", path);
}

bool Machine::Exists(const char* path) const { return access(Path(path).c_str(), F_OK) == 0; }

bool Machine::IsThere(const char* path) const {
  struct stat status {};
  return lstat(Path(path).c_str(), &status) == 0;
}

std::string LinuxMachine::KernelRelease() const {
  struct utsname name {};
  Require(uname(&name) == 0);
  return name.release;
}

std::string LinuxMachine::KernelMachine() const {
  struct utsname name {};
  Require(uname(&name) == 0);
  return name.machine;
}

uint32_t LinuxMachine::PageSize() const { return static_cast<uint32_t>(sysconf(_SC_PAGESIZE)); }

uint64_t LinuxMachine::SecondsSince1970() const { return static_cast<uint64_t>(time(nullptr)); }

Result<uint64_t> LinuxMachine::FilesystemType(const char* path) const {
  struct statfs status {};
  if (statfs(path, &status) != 0) return Error::Os(errno, "%s: statfs", path);
  // f_type is a signed word where long is; the magic numbers have 32 bits.
  return static_cast<uint64_t>(static_cast<uint32_t>(status.f_type));
}

bool LinuxMachine::IsNodeOf(const std::string& path, dev_t device_number) const {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode) && status.st_rdev == device_number;
}

Result<std::vector<std::string>> LinuxMachine::ListDevices() const { return ListBlockDevices(paths_); }

Result<std::vector<SwapDevice>> LinuxMachine::ListSwaps() const { return crashdump::ListSwaps(paths_); }

Result<std::vector<DeviceIdentity>> LinuxMachine::FindSwaps(const Uuid& uuid) const {
  return crashdump::FindSwaps(paths_, uuid);
}

Result<std::unique_ptr<BlockDevice>> LinuxMachine::OpenDevice(const DeviceIdentity& identity, OpenMode mode) const {
  std::unique_ptr<LinuxBlockDevice> device = TRY(OpenIdentified(paths_, identity, mode));
  return std::unique_ptr<BlockDevice>(std::move(device));
}

Result<std::vector<SuspendedDevice>> LinuxMachine::FindSuspendedDevices() const {
  std::vector<SuspendedDevice> suspended;
  const std::vector<std::string> names = TRY(ListBlockDevices(paths_), "block devices");
  for (const std::string& name : names) {
    const auto device = LinuxBlockDevice::Open(NodePath(paths_, name).c_str(), OpenMode::kReadOnly);
    if (!device.ok()) continue;  // no medium
    if (const auto signature = SuspendSignatureOf(*device.value())) suspended.push_back({name, signature->name});
  }
  return suspended;
}

std::vector<DeviceDriver> LinuxMachine::WatchdogDrivers() const { return DriversOfWatchdogs(paths_); }

Result<UniqueFd> LinuxMachine::LockDisk(const std::string& disk_name) const {
  UniqueFd disk = TRY(OpenFile(NodePath(paths_, disk_name).c_str(), O_RDONLY | O_NONBLOCK), "%s", disk_name.c_str());
  const Result<> locked = LockFile(disk.get(), kDiskLockLimit);
  if (!locked.ok() && IsBusy(locked.error())) {
    return Error::Format(ErrorCode::kTimeout, "%s: another program holds the lock on the disk: try again later",
                         disk_name.c_str());
  }
  TRY(locked, "%s", disk_name.c_str());
  return disk;
}

Result<> LinuxMachine::SwapOff(const std::string& path) {
  if (swapoff(path.c_str()) != 0) return Error::Os(errno, "swapoff %s", path.c_str());
  return {};
}

Result<> LinuxMachine::SwapOn(const std::string& path, int flags) {
  if (swapon(path.c_str(), flags) != 0) return Error::Os(errno, "swapon %s", path.c_str());
  return {};
}

bool LinuxMachine::HasKexecFileLoad() const {
  // Flags that there are not: refused before anything else is looked at.
  return KexecFileLoad(-1, -1, nullptr, ~0UL) == 0 || errno != ENOSYS;
}

Result<> LinuxMachine::LoadCrashKernel(const CrashImage& image) {
  if (image.method == LoadMethod::kKexecTools) return LoadWithKexecTools(*this, image);
  const FreedMemory freed;
  const long loaded = KexecFileLoad(image.kernel, image.initramfs, &image.command_line, KEXEC_FILE_ON_CRASH);
  const int reason = errno;
  // The overlay with the keys is the last part of the initramfs, and so among what was freed last.
  static_assert(kOverlayCapacity <= FreedMemory::kMostKernelBytes / 2);
  freed.Overwrite(FreedMemory::kMostKernelBytes);
  if (loaded != 0) return Error::Os(reason, "kexec_file_load");
  return {};
}

Result<> LinuxMachine::Panic() {
  sync();
  // Whatever kernel.sysrq allows at the keyboard: a write to this file may do all (drivers/tty/sysrq.c, 6.1).
  return WriteExistingFile("/proc/sysrq-trigger", "c");
}

Result<> LinuxMachine::UnloadCrashKernel() { return RetryWhileBusy(kKexecChangeLimit, CallUnload); }

}  // namespace crashdump
