// SPDX-License-Identifier: GPL-2.0-or-later
// ByteSource: anything that can be read at an offset: a file, memory, a region of a disk, a fake that fails.
#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace crashdump {

class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // Fills all of `out` or fails: kTruncated past the end, kOs if the system says so. Offsets count from the
  // source's own beginning. Safe to call from several threads.
  virtual Result<> ReadAt(uint64_t offset, MutableBytes out) const = 0;

  // Bytes that can be read.
  virtual uint64_t size() const = 0;
};

// Borrows memory that must outlive it.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(Bytes bytes) : bytes_(bytes) {}
  Result<> ReadAt(uint64_t offset, MutableBytes out) const override;
  uint64_t size() const override { return bytes_.size(); }

 private:
  Bytes bytes_;
};

// Owns an open file. A file that shrinks while it is read gives kTruncated, never a signal.
class FileSource final : public ByteSource {
 public:
  // Opens a regular file for reading; directories, sockets and the like are refused. Does not follow the file's later
  // growth. The error does not name the path: the caller knows it.
  static Result<FileSource> Open(const char* path);

  Result<> ReadAt(uint64_t offset, MutableBytes out) const override;
  uint64_t size() const override { return size_; }
  int fd() const { return fd_.get(); }

 private:
  FileSource(UniqueFd fd, uint64_t size) : fd_(std::move(fd)), size_(size) {}

  UniqueFd fd_;
  uint64_t size_;
};

}  // namespace crashdump
