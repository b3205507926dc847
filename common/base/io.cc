// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/base/io.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <memory>

#include "common/base/uncached_file.h"

namespace crashdump {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { (void)closedir(directory); }
};

}  // namespace

Result<UniqueFd> OpenFile(const char* path, int flags, unsigned mode) {
  return OpenFileAt(AT_FDCWD, path, flags, mode);
}

Result<UniqueFd> OpenFileAt(int directory_fd, const char* name, int flags, unsigned mode) {
  while (true) {
    const int fd = openat(directory_fd, name, flags | O_CLOEXEC, mode);
    if (fd >= 0) return UniqueFd(fd);
    if (errno != EINTR) return Error::Os(errno, "open");
  }
}

Result<> PreadFull(int fd, uint64_t offset, MutableBytes out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::Os(errno, "read of %zu bytes at %" PRIu64, out.size(), offset);
    if (got == 0) {
      return Error::Format(ErrorCode::kTruncated, "read of %zu bytes at %" PRIu64 ": the file ends after %zu",
                           out.size(), offset, done);
    }
    done += static_cast<size_t>(got);
  }
  return {};
}

Result<> PwriteFull(int fd, uint64_t offset, Bytes data) {
  size_t done = 0;
  while (done < data.size()) {
    const ssize_t put = pwrite(fd, data.data() + done, data.size() - done, static_cast<off_t>(offset + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return Error::Os(errno, "write of %zu bytes at %" PRIu64, data.size(), offset);
    if (put == 0) return Error::Os(ENOSPC, "write of %zu bytes at %" PRIu64, data.size(), offset);
    done += static_cast<size_t>(put);
  }
  return {};
}

Result<> WriteFull(int fd, Bytes data) {
  size_t done = 0;
  while (done < data.size()) {
    const ssize_t put = write(fd, data.data() + done, data.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return Error::Os(errno, "write of %zu bytes", data.size());
    done += static_cast<size_t>(put);
  }
  return {};
}

Result<> Fsync(int fd) {
  if (fsync(fd) != 0) return Error::Os(errno, "fsync");
  return {};
}

Result<uint64_t> FileSize(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return Error::Os(errno, "fstat");
  return static_cast<uint64_t>(status.st_size);
}

Result<std::string> ReadText(int fd, uint64_t limit) {
  std::string text;
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::Os(errno, "read");
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<size_t>(got));
    if (text.size() > limit) {
      return Error::Format(ErrorCode::kNoSpace, "read: longer than the %" PRIu64 " bytes that are accepted", limit);
    }
  }
}

Result<std::string> ReadTextFile(const char* path, uint64_t limit) { return ReadTextFileAt(AT_FDCWD, path, limit); }

Result<std::string> ReadTextFileAt(int directory_fd, const char* name, uint64_t limit) {
  const UniqueFd fd = TRY(OpenFileAt(directory_fd, name, O_RDONLY));
  return ReadText(fd.get(), limit);
}

Result<> WriteExistingFile(const char* path, std::string_view text) {
  const UniqueFd fd = TRY(OpenFile(path, O_WRONLY));
  return WriteFull(fd.get(), BytesOf(text));
}

Result<std::vector<std::string>> NamesInDirectory(int directory_fd) {
  // fdopendir() takes its descriptor over: give it one of its own, with its own position.
  UniqueFd fd = TRY(OpenFileAt(directory_fd, ".", O_RDONLY | O_DIRECTORY));
  const std::unique_ptr<DIR, CloseDirectory> stream(fdopendir(fd.get()));
  if (stream == nullptr) return Error::Os(errno, "opendir");
  (void)fd.Release();
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* const entry = readdir(stream.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) return Error::Os(errno, "readdir");
  std::sort(names.begin(), names.end());
  return names;
}

Result<> ReplaceFileAt(int directory_fd, const char* name, std::string_view text, FileCache cache) {
  std::array<char, 256> temporary{};
  const int length = snprintf(temporary.data(), temporary.size(), ".%s.new", name);
  if (length < 0 || static_cast<size_t>(length) >= temporary.size()) {
    return Error::Format(ErrorCode::kInvalidArgument, "file name is too long");
  }
  // What an interrupted call left behind is ours to remove: the directory is root's alone.
  (void)unlinkat(directory_fd, temporary.data(), 0);
  const UniqueFd fd = TRY(OpenFileAt(directory_fd, temporary.data(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  const bool is_cached = cache == FileCache::kUse;
  Result<> written = is_cached ? WriteFull(fd.get(), BytesOf(text)) : WriteUncached(fd.get(), text);
  if (written.ok() && is_cached) written = Fsync(fd.get());
  if (written.ok() && renameat(directory_fd, temporary.data(), directory_fd, name) != 0) {
    written = Error::Os(errno, "rename");
  }
  if (!written.ok()) {
    (void)unlinkat(directory_fd, temporary.data(), 0);
    return written;
  }
  return Fsync(directory_fd);
}

}  // namespace crashdump
