// SPDX-License-Identifier: GPL-2.0-or-later
// BlockDevice: the disk or partition that holds the swap and the region. Always direct I/O: what is read is what is on
// the disk now, not what a cache remembers, and what is written has left this machine's memory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "common/base/aligned_memory.h"
#include "common/base/byte_sink.h"
#include "common/base/byte_source.h"
#include "common/base/units.h"

namespace crashdump {

// Offsets count from the device's first byte.
class BlockDevice : public ByteSource, public ByteSink {
 public:
  // Any offset, length and memory.
  Result<> ReadAt(uint64_t offset, MutableBytes out) const override = 0;
  // Offset and length are multiples of logical_block_size() and inside the device, else kInvalidArgument and nothing is
  // written. Memory aligned to kDiskUnit is written without a copy.
  Result<> WriteAt(uint64_t offset, Bytes data) override = 0;
  // Bytes.
  uint64_t size() const override = 0;
  // Bytes; a power of two from 512 to kDiskUnit.
  virtual uint32_t logical_block_size() const = 0;
};

enum class OpenMode : uint8_t {
  kReadOnly,   // O_RDONLY: works while the swap is active; every write is kRefused
  kExclusive,  // O_RDWR | O_EXCL: EBUSY (kOs) while the swap is active, a filesystem mounted, or a holder attached
};

// A device node, opened with O_DIRECT. What is not aligned goes through one buffer that is allocated at open and
// guarded by a lock, so that nothing is allocated after the open and every function may be called from several threads.
// Errors say operation, length and offset; the caller knows the path.
class LinuxBlockDevice final : public BlockDevice {
 public:
  // kInvalidArgument if `path` is no block device; kUnsupported if its logical blocks are larger than kDiskUnit.
  static Result<std::unique_ptr<LinuxBlockDevice>> Open(const char* path, OpenMode mode);

  // A regular file in place of a device, for tests and for disk images. O_EXCL does not exist there, so nothing keeps
  // others from writing to it. Uses O_DIRECT where the filesystem can. The file's size is a multiple of
  // `logical_block_size`, else kInvalidArgument.
  static Result<std::unique_ptr<LinuxBlockDevice>> OpenRegularFile(const char* path, OpenMode mode,
                                                                   uint32_t logical_block_size);

  Result<> ReadAt(uint64_t offset, MutableBytes out) const override;
  Result<> WriteAt(uint64_t offset, Bytes data) override;
  Result<> Flush() override;
  uint64_t size() const override { return size_; }
  uint32_t logical_block_size() const override { return logical_block_size_; }

  int fd() const { return fd_.get(); }
  // The node's device number; 0 for a regular file.
  dev_t device_number() const { return device_number_; }

 private:
  LinuxBlockDevice() = default;
  // Whether the kernel takes the transfer as it is.
  bool IsDirect(uint64_t offset, Bytes memory) const;

  UniqueFd fd_;
  OpenMode mode_ = OpenMode::kReadOnly;
  uint64_t size_ = 0;
  uint32_t logical_block_size_ = 0;
  dev_t device_number_ = 0;
  AlignedMemory buffer_;
  mutable std::mutex buffer_lock_;
};

}  // namespace crashdump
