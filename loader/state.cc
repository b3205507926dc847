// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/state.h"

#include <fcntl.h>
#include <linux/magic.h>

#include <cerrno>
#include <chrono>

#include "common/base/io.h"
#include "loader/busy.h"

namespace crashdump {
namespace {

constexpr std::chrono::seconds kLockLimit{30};

const char* MemoryFilesystem(uint64_t type) {
  switch (type) {
    case TMPFS_MAGIC:
      return "tmpfs";
    case RAMFS_MAGIC:
      return "ramfs";
    case OVERLAYFS_SUPER_MAGIC:
      return "overlay";
    default:
      return nullptr;
  }
}

}  // namespace

Result<> CheckDurable(const Machine& machine, const char* path) {
  const uint64_t type = TRY(machine.FilesystemType(path));
  if (const char* const name = MemoryFilesystem(type)) {
    return Error::Format(ErrorCode::kRefused,
                         "%s is on a filesystem (%s) that may not survive the reboot: keys kept there would be lost "
                         "with the dump; is /var not mounted yet?",
                         path, name);
  }
  return {};
}

Result<DiskState> DiskState::Open(const Machine& machine) {
  // The parent decides: our own directory may not exist yet, and must not be made on the wrong filesystem.
  TRY(CheckDurable(machine, machine.Exists(kStatePath) ? kStatePath : "/var/lib"));
  TRY(DiskStateDirectory::Open(machine.Path(kStatePath).c_str()));
  DiskStateDirectory remembered = TRY(DiskStateDirectory::Open(machine.Path(kRememberedPath).c_str()));
  DiskStateDirectory keys = TRY(DiskStateDirectory::Open(machine.Path(kKeysPath).c_str(), FileCache::kBypass));
  DiskStateDirectory regions = TRY(DiskStateDirectory::Open(machine.Path(kRegionsPath).c_str()));
  DiskStateDirectory run = TRY(DiskStateDirectory::Open(machine.Path(kRunPath).c_str()));
  return DiskState(std::move(keys), std::move(regions), std::move(run), std::move(remembered));
}

Result<UniqueFd> TakeLock(const DiskStateDirectory& run) {
  UniqueFd lock = TRY(OpenFileAt(run.fd(), "lock", O_RDWR | O_CREAT | O_NOFOLLOW), "%s/lock", kRunPath);
  const Result<> locked = LockFile(lock.get(), kLockLimit);
  if (!locked.ok() && IsBusy(locked.error())) {
    return Error::Format(ErrorCode::kTimeout, "another crashdump command is still running (it holds %s/lock)",
                         kRunPath);
  }
  TRY(locked, "%s/lock", kRunPath);
  // The program that loads for us holds it, too: when this process is killed, nobody else begins before that is over.
  if (fcntl(lock.get(), F_SETFD, 0) != 0) return Error::Os(errno, "%s/lock: fcntl", kRunPath);
  return lock;
}

}  // namespace crashdump
