// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/base/state_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/io.h"
#include "common/base/uncached_file.h"
#include "common/base/units.h"

namespace crashdump {
namespace {

constexpr uint64_t kFileLimit = kMiB;

}  // namespace

Result<DiskStateDirectory> DiskStateDirectory::Open(const char* path, FileCache cache) {
  if (mkdir(path, 0700) != 0 && errno != EEXIST) return Error::Os(errno, "%s: mkdir", path);
  UniqueFd directory = TRY(OpenFile(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), "%s", path);
  struct stat status {};
  if (fstat(directory.get(), &status) != 0) return Error::Os(errno, "%s: fstat", path);
  if (status.st_uid != geteuid() || (status.st_mode & 077) != 0) {
    return Error::Format(ErrorCode::kRefused,
                         "%s: belongs to uid %u with mode %04o, where only root may enter: chmod 0700 it", path,
                         status.st_uid, status.st_mode & 07777U);
  }
  // Also if it was there: the program that made it may have been interrupted before this.
  const UniqueFd parent = TRY(OpenFileAt(directory.get(), "..", O_RDONLY | O_DIRECTORY), "%s/..", path);
  TRY(Fsync(parent.get()), "%s/..", path);
  return DiskStateDirectory(std::move(directory), cache);
}

Result<std::optional<std::string>> DiskStateDirectory::Read(const std::string& name) const {
  const Result<UniqueFd> file = OpenFileAt(directory_.get(), name.c_str(), O_RDONLY);
  if (!file.ok() && file.error().os_error() == ENOENT) return std::optional<std::string>();
  if (!file.ok()) return file.error().Prefixed("%s", name.c_str());
  const int fd = file.value().get();
  std::string text =
      TRY(cache_ == FileCache::kBypass ? ReadUncached(fd, kFileLimit) : ReadText(fd, kFileLimit), "%s", name.c_str());
  return std::optional<std::string>(std::move(text));
}

// What may not stay in free blocks of the disk when the file is gone: nothing if there is none, or nothing secret.
UniqueFd DiskStateDirectory::OpenToErase(const std::string& name) const {
  if (cache_ != FileCache::kBypass) return {};
  Result<UniqueFd> file = OpenFileAt(directory_.get(), name.c_str(), O_WRONLY | O_NOFOLLOW);
  return file.ok() ? file.TakeValue() : UniqueFd();
}

Result<> DiskStateDirectory::Replace(const std::string& name, std::string_view text) {
  const UniqueFd former = OpenToErase(name);
  TRY(ReplaceFileAt(directory_.get(), name.c_str(), text, cache_), "%s", name.c_str());
  // Only now: until then a power cut leaves the former one.
  if (former.valid()) (void)EraseUncached(former.get());
  return {};
}

Result<> DiskStateDirectory::Remove(const std::string& name) {
  const UniqueFd former = OpenToErase(name);
  if (unlinkat(directory_.get(), name.c_str(), 0) != 0) {
    if (errno == ENOENT) return {};
    return Error::Os(errno, "%s: unlink", name.c_str());
  }
  TRY(Fsync(directory_.get()));
  if (former.valid()) (void)EraseUncached(former.get());
  return {};
}

Result<std::vector<std::string>> DiskStateDirectory::List() const {
  std::vector<std::string> names = TRY(NamesInDirectory(directory_.get()));
  std::erase_if(names, [](const std::string& name) { return name.front() == '.'; });
  return names;
}

}  // namespace crashdump
