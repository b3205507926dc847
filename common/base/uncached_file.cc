// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/base/uncached_file.h"

#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstring>

#include "common/base/aligned_memory.h"
#include "common/base/io.h"
#include "common/base/units.h"

namespace crashdump {
namespace {

// Memory that is erased before anybody else gets it.
class SecretBuffer {
 public:
  static Result<SecretBuffer> Create(uint64_t bytes) {
    AlignedMemory memory = TRY(AllocateAligned(bytes));
    return SecretBuffer(std::move(memory), bytes);
  }
  SecretBuffer(SecretBuffer&&) = default;
  SecretBuffer& operator=(SecretBuffer&&) = default;
  ~SecretBuffer() {
    if (memory_ != nullptr) explicit_bzero(memory_.get(), static_cast<size_t>(bytes_));
  }

  MutableBytes bytes() { return {memory_.get(), static_cast<size_t>(bytes_)}; }

 private:
  SecretBuffer(AlignedMemory memory, uint64_t bytes) : memory_(std::move(memory)), bytes_(bytes) {}

  AlignedMemory memory_;
  uint64_t bytes_;
};

// Whether the filesystem has direct I/O (EINVAL if not).
bool GoDirect(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  return flags != -1 && fcntl(fd, F_SETFL, flags | O_DIRECT) == 0;
}

void GoThroughCache(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags != -1) (void)fcntl(fd, F_SETFL, flags & ~O_DIRECT);
}

// `transfer` with direct I/O, or without: filesystems refuse it in the call, too.
Result<> Transfer(int fd, const auto& transfer) {
  if (GoDirect(fd)) {
    Result<> done = transfer();
    if (done.ok() || done.error().os_error() != EINVAL) return done;
    GoThroughCache(fd);
  }
  return transfer();
}

}  // namespace

Result<> WriteUncached(int fd, std::string_view text) {
  SecretBuffer buffer = TRY(SecretBuffer::Create(AlignUp(std::max<uint64_t>(text.size(), 1), kDiskUnit)));
  const MutableBytes bytes = buffer.bytes();
  memset(bytes.data(), '\n', bytes.size());
  memcpy(bytes.data(), text.data(), text.size());
  TRY(Transfer(fd, [&] { return PwriteFull(fd, 0, bytes); }));
  TRY(Fsync(fd));
  (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  return {};
}

Result<> EraseUncached(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return Error::Os(errno, "fstat");
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size == 0) return {};
  SecretBuffer zeros = TRY(SecretBuffer::Create(AlignUp(size, kDiskUnit)));
  TRY(Transfer(fd, [&] { return PwriteFull(fd, 0, zeros.bytes()); }));
  return Fsync(fd);
}

Result<std::string> ReadUncached(int fd, uint64_t limit) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return Error::Os(errno, "fstat");
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size > limit) {
    return Error::Format(ErrorCode::kNoSpace, "read: %" PRIu64 " bytes, %" PRIu64 " are accepted", size, limit);
  }
  SecretBuffer buffer = TRY(SecretBuffer::Create(AlignUp(std::max<uint64_t>(size, 1), kDiskUnit)));
  const MutableBytes bytes = buffer.bytes().first(static_cast<size_t>(size));
  // A file of another length was written by somebody else, and is in the cache since.
  if (IsAligned(size, kDiskUnit)) {
    TRY(Transfer(fd, [&] { return PreadFull(fd, 0, bytes); }));
  } else {
    TRY(PreadFull(fd, 0, bytes));
  }
  (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  std::string_view text = TextOf(bytes);
  while (text.ends_with("\n\n")) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace crashdump
