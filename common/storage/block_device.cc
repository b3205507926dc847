// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/block_device.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>

#include "common/base/io.h"

namespace crashdump {
namespace {

// One read of a swap's first 64 KiB; a multiple of every logical block.
constexpr uint64_t kBufferBytes = 64 * kKiB;

int OpenFlags(OpenMode mode) { return mode == OpenMode::kReadOnly ? O_RDONLY : O_RDWR | O_EXCL; }

// ioctl(2) for requests that give one number. The type of a request is int in musl and unsigned long in glibc.
template <typename Request>
int Ask(int (*call)(int, Request, ...), int fd, uint64_t request, void* answer) {
  return call(fd, static_cast<Request>(request), answer);
}

Result<> CheckLogicalBlockSize(uint64_t size) {
  if (!IsPowerOfTwo(size) || size < 512 || size > kDiskUnit) {
    return Error::Format(ErrorCode::kUnsupported,
                         "logical blocks of %" PRIu64 " bytes; this program can use 512 to %" PRIu64, size, kDiskUnit);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<LinuxBlockDevice>> LinuxBlockDevice::Open(const char* path, OpenMode mode) {
  // Looked at before it is opened, because opening a FIFO or a tape has effects; and again after, because it may have
  // been exchanged.
  struct stat status {};
  if (stat(path, &status) != 0) return Error::Os(errno, "open");
  if (!S_ISBLK(status.st_mode)) return Error::Format(ErrorCode::kInvalidArgument, "not a block device");
  std::unique_ptr<LinuxBlockDevice> device(new LinuxBlockDevice());
  device->fd_ = TRY(OpenFile(path, OpenFlags(mode) | O_DIRECT));
  if (fstat(device->fd_.get(), &status) != 0) return Error::Os(errno, "fstat");
  if (!S_ISBLK(status.st_mode)) return Error::Format(ErrorCode::kInvalidArgument, "not a block device");
  int block_size = 0;
  if (Ask(ioctl, device->fd_.get(), BLKSSZGET, &block_size) != 0) return Error::Os(errno, "reading the block size");
  // Not BLKGETSIZE64, whose number glibc and musl declare with different types.
  const off_t size = lseek(device->fd_.get(), 0, SEEK_END);
  if (size < 0) return Error::Os(errno, "reading the size");
  device->size_ = static_cast<uint64_t>(size);
  TRY(CheckLogicalBlockSize(static_cast<uint64_t>(block_size)));
  device->mode_ = mode;
  device->logical_block_size_ = static_cast<uint32_t>(block_size);
  device->device_number_ = status.st_rdev;
  device->buffer_ = TRY(AllocateAligned(kBufferBytes));
  return device;
}

Result<std::unique_ptr<LinuxBlockDevice>> LinuxBlockDevice::OpenRegularFile(const char* path, OpenMode mode,
                                                                            uint32_t logical_block_size) {
  TRY(CheckLogicalBlockSize(logical_block_size));
  struct stat status {};
  if (stat(path, &status) != 0) return Error::Os(errno, "open");
  if (!S_ISREG(status.st_mode)) return Error::Format(ErrorCode::kInvalidArgument, "not a regular file");
  std::unique_ptr<LinuxBlockDevice> device(new LinuxBlockDevice());
  const int flags = mode == OpenMode::kReadOnly ? O_RDONLY : O_RDWR;
  // Smaller units than 4096 may be less than the filesystem's own disk takes.
  Result<UniqueFd> fd = OpenFile(path, flags | (logical_block_size == kDiskUnit ? O_DIRECT : 0));
  if (!fd.ok() && fd.error().os_error() == EINVAL) fd = OpenFile(path, flags);
  device->fd_ = TRY(std::move(fd));
  if (fstat(device->fd_.get(), &status) != 0) return Error::Os(errno, "fstat");
  if (!S_ISREG(status.st_mode)) return Error::Format(ErrorCode::kInvalidArgument, "not a regular file");
  const auto size = static_cast<uint64_t>(status.st_size);
  if (!IsAligned(size, logical_block_size)) {
    return Error::Format(ErrorCode::kInvalidArgument,
                         "its %" PRIu64 " bytes are no multiple of logical blocks of %u bytes", size,
                         logical_block_size);
  }
  device->mode_ = mode;
  device->size_ = size;
  device->logical_block_size_ = logical_block_size;
  device->buffer_ = TRY(AllocateAligned(kBufferBytes));
  return device;
}

bool LinuxBlockDevice::IsDirect(uint64_t offset, Bytes memory) const {
  return IsAligned(offset, logical_block_size_) && IsAligned(memory.size(), logical_block_size_) &&
         IsAligned(reinterpret_cast<uintptr_t>(memory.data()), logical_block_size_);
}

Result<> LinuxBlockDevice::ReadAt(uint64_t offset, MutableBytes out) const {
  if (offset > size_ || out.size() > size_ - offset) {
    return Error::Format(ErrorCode::kTruncated, "read of %zu bytes at %" PRIu64 ": the device ends at %" PRIu64,
                         out.size(), offset, size_);
  }
  if (IsDirect(offset, out)) return PreadFull(fd_.get(), offset, out);
  const std::lock_guard<std::mutex> guard(buffer_lock_);
  while (!out.empty()) {
    const uint64_t begin = AlignDown(offset, logical_block_size_);
    const uint64_t skipped = offset - begin;
    const uint64_t part = std::min<uint64_t>(out.size(), kBufferBytes - skipped);
    const uint64_t length = AlignUp(skipped + part, logical_block_size_);
    TRY(PreadFull(fd_.get(), begin, {buffer_.get(), static_cast<size_t>(length)}));
    memcpy(out.data(), buffer_.get() + skipped, static_cast<size_t>(part));
    out = out.subspan(static_cast<size_t>(part));
    offset += part;
  }
  return {};
}

Result<> LinuxBlockDevice::WriteAt(uint64_t offset, Bytes data) {
  if (mode_ == OpenMode::kReadOnly) {
    return Error::Format(ErrorCode::kRefused, "write of %zu bytes at %" PRIu64 ": the device is open for reading only",
                         data.size(), offset);
  }
  if (!IsAligned(offset, logical_block_size_) || !IsAligned(data.size(), logical_block_size_) || offset > size_ ||
      data.size() > size_ - offset) {
    return Error::Format(ErrorCode::kInvalidArgument,
                         "write of %zu bytes at %" PRIu64
                         ": not whole blocks of %u bytes before the device's end at "
                         "%" PRIu64,
                         data.size(), offset, logical_block_size_, size_);
  }
  if (IsDirect(offset, data)) return PwriteFull(fd_.get(), offset, data);
  const std::lock_guard<std::mutex> guard(buffer_lock_);
  while (!data.empty()) {
    const size_t part = std::min<size_t>(data.size(), kBufferBytes);
    memcpy(buffer_.get(), data.data(), part);
    TRY(PwriteFull(fd_.get(), offset, {buffer_.get(), part}));
    data = data.subspan(part);
    offset += part;
  }
  return {};
}

Result<> LinuxBlockDevice::Flush() {
  if (fdatasync(fd_.get()) != 0) return Error::Os(errno, "flush");
  return {};
}

}  // namespace crashdump
