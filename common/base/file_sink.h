// SPDX-License-Identifier: GPL-2.0-or-later
// FileSink: a regular file as a ByteSink.
#pragma once

#include <cerrno>
#include <cstdint>

#include "common/base/byte_sink.h"
#include "common/base/io.h"

namespace crashdump {

class FileSink final : public ByteSink {
 public:
  // Borrows the descriptor. Beyond `limit` bytes written in all it fails as a full disk does (ENOSPC).
  explicit FileSink(int fd, uint64_t limit = UINT64_MAX) : fd_(fd), left_(limit) {}

  Result<> WriteAt(uint64_t offset, Bytes data) override {
    if (data.size() > left_) return Error::Os(ENOSPC, "write");
    left_ -= data.size();
    return PwriteFull(fd_, offset, data);
  }
  // Does nothing: whoever gives the file its name flushes it before, and without a name no power cut leaves anything.
  Result<> Flush() override { return {}; }

 private:
  int fd_;
  uint64_t left_;
};

}  // namespace crashdump
