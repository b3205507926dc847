// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/private_directory.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "common/base/io.h"
#include "common/base/parse.h"
#include "common/crypto/crypto.h"

namespace crashdump {
namespace {

// Somebody who keeps putting things in our way must not keep us here for ever.
constexpr int kTries = 16;

// A name that nobody can guess.
std::string AsideName(const char* name) {
  std::array<uint8_t, 8> random{};
  RandomBytesNoWait(random);
  return std::string(name) + ".foreign-" + ToHex(random);
}

// Puts an empty directory of ours in the place of what has the name, which gets another one: at no moment is the name
// free for somebody who waits for that.
Result<> TakeName(int parent_fd, const char* name) {
  const std::string aside = AsideName(name);
  if (mkdirat(parent_fd, aside.c_str(), 0700) != 0) return Error::Os(errno, "%s: mkdir", aside.c_str());
  if (RenameWithin(parent_fd, aside.c_str(), name, RENAME_EXCHANGE) == 0) return {};
  const int error = errno;
  (void)unlinkat(parent_fd, aside.c_str(), AT_REMOVEDIR);
  if (error == ENOENT) return {};  // it has gone by itself
  if (error == EINVAL || error == ENOSYS) return MoveAside(parent_fd, name);
  return Error::Os(error, "%s: exchange with %s", name, aside.c_str());
}

}  // namespace

int RenameWithin(int directory_fd, const char* from, const char* to, unsigned flags) {
  return static_cast<int>(syscall(SYS_renameat2, directory_fd, from, directory_fd, to, flags));
}

Result<> MoveAside(int parent_fd, const char* name) {
  const std::string aside = AsideName(name);
  if (renameat(parent_fd, name, parent_fd, aside.c_str()) != 0 && errno != ENOENT) {
    return Error::Os(errno, "%s: rename to %s", name, aside.c_str());
  }
  return {};
}

Result<UniqueFd> OpenPrivateDirectory(int parent_fd, const char* name) {
  for (int i = 0; i < kTries; ++i) {
    if (mkdirat(parent_fd, name, 0700) != 0 && errno != EEXIST) return Error::Os(errno, "%s: mkdir", name);
    Result<UniqueFd> directory = OpenFileAt(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!directory.ok()) {
      const int reason = directory.error().os_error();
      if (reason != ENOTDIR && reason != ELOOP && reason != ENOENT) return directory.error().Prefixed("%s", name);
      TRY(TakeName(parent_fd, name));
      continue;
    }
    struct stat status {};
    if (fstat(directory.value().get(), &status) != 0) return Error::Os(errno, "%s: fstat", name);
    if (status.st_uid != geteuid()) {
      TRY(TakeName(parent_fd, name));
      continue;
    }
    // A setgid parent (apport's /var/crash) hands its group down.
    if (status.st_gid != getegid() && fchown(directory.value().get(), geteuid(), getegid()) != 0) {
      return Error::Os(errno, "%s: chown", name);
    }
    if ((status.st_mode & 07777U) != 0700U && fchmod(directory.value().get(), 0700) != 0) {
      return Error::Os(errno, "%s: chmod", name);
    }
    // Also if it was there: the run that made it may have been interrupted before this.
    TRY(Fsync(parent_fd), "%s", name);
    return directory;
  }
  return Error::Format(ErrorCode::kRefused, "%s: somebody puts something else there again and again", name);
}

Result<UniqueFd> FindPrivateDirectory(int parent_fd, const char* name) {
  Result<UniqueFd> directory = OpenFileAt(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory.ok()) {
    const int reason = directory.error().os_error();
    if (reason == ENOENT) return Error::Format(ErrorCode::kNotFound, "%s: there is none", name);
    if (reason != ENOTDIR && reason != ELOOP) return directory.error().Prefixed("%s", name);
    return Error::Format(ErrorCode::kRefused, "%s is no directory: somebody else has put it there", name);
  }
  struct stat status {};
  if (fstat(directory.value().get(), &status) != 0) return Error::Os(errno, "%s: fstat", name);
  if (status.st_uid != geteuid()) {
    return Error::Format(ErrorCode::kRefused, "%s belongs to user %u, not to the one that asks", name,
                         unsigned{status.st_uid});
  }
  return directory;
}

Result<> RemovePrivateDirectory(int parent_fd, const char* name) {
  Result<UniqueFd> opened = OpenFileAt(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!opened.ok()) {
    if (opened.error().os_error() == ENOENT) return {};
    return opened.error().Prefixed("%s", name);
  }
  const int directory_fd = opened.value().get();
  const std::vector<std::string> entries = TRY(NamesInDirectory(directory_fd), "%s", name);
  for (const std::string& entry : entries) {
    if (unlinkat(directory_fd, entry.c_str(), 0) != 0) return Error::Os(errno, "%s/%s: unlink", name, entry.c_str());
  }
  if (unlinkat(parent_fd, name, AT_REMOVEDIR) != 0) return Error::Os(errno, "%s: rmdir", name);
  return Fsync(parent_fd);
}

Result<UniqueFd> CreatePrivateFile(int directory_fd, const char* name) {
  UniqueFd file = TRY(OpenFileAt(directory_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600), "%s", name);
  // Whatever umask or default ACL made of it, and the group that a setgid directory hands down.
  if (fchown(file.get(), geteuid(), getegid()) != 0) return Error::Os(errno, "%s: chown", name);
  if (fchmod(file.get(), 0600) != 0) return Error::Os(errno, "%s: chmod", name);
  return file;
}

Result<> WritePrivateFile(int directory_fd, const char* name, std::string_view text) {
  const UniqueFd file = TRY(CreatePrivateFile(directory_fd, name));
  TRY(WriteFull(file.get(), BytesOf(text)), "%s", name);
  TRY(Fsync(file.get()), "%s", name);
  return {};
}

}  // namespace crashdump
