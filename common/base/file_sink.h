// SPDX-License-Identifier: GPL-2.0-or-later
// FileSink: a regular file as a ByteSink.
#pragma once

#include <fcntl.h>

#include <cerrno>
#include <cstdint>

#include "common/base/byte_sink.h"
#include "common/base/io.h"
#include "common/base/units.h"

namespace crashdump {

class FileSink final : public ByteSink {
 public:
  // Borrows the descriptor. Beyond `limit` bytes written in all it fails as a full disk does (ENOSPC).
  explicit FileSink(int fd, uint64_t limit = UINT64_MAX) : fd_(fd), left_(limit) {}

  // Of everything that was written or was to be.
  uint64_t wanted_bytes() const { return wanted_; }

  Result<> WriteAt(uint64_t offset, Bytes data) override {
    wanted_ += data.size();
    if (data.size() > left_) return Error::Os(ENOSPC, "write");
    left_ -= data.size();
    TRY(PwriteFull(fd_, offset, data));
    waiting_ += data.size();
    if (waiting_ >= kWriteBackBytes) {
      waiting_ = 0;
      // A pipe has nothing to write back, and whoever flushes sees the errors.
      (void)sync_file_range(fd_, 0, 0, SYNC_FILE_RANGE_WRITE);
    }
    return {};
  }
  // Does nothing: whoever gives the file its name flushes it before, and without a name no power cut leaves anything.
  Result<> Flush() override { return {}; }

 private:
  // The kernel begins to write after so many bytes, not only when the file is flushed: dirty pages of a large dump do
  // not pile up, and what is left for the end is short.
  static constexpr uint64_t kWriteBackBytes = 4 * kMiB;

  int fd_;
  uint64_t left_;
  uint64_t wanted_ = 0;
  uint64_t waiting_ = 0;  // bytes written since
};

}  // namespace crashdump
