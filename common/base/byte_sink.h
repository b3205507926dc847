// SPDX-License-Identifier: GPL-2.0-or-later
// ByteSink: where a dump is written: a region of a disk, a file, a fake that fails.
#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace crashdump {

class ByteSink {
 public:
  virtual ~ByteSink() = default;

  // Writes all of `data` or fails. For sinks with direct I/O the offset, the length and the memory are multiples of
  // kDiskUnit; callers keep to that always.
  virtual Result<> WriteAt(uint64_t offset, Bytes data) = 0;

  // Returns once everything written before is on stable storage.
  virtual Result<> Flush() = 0;
};

}  // namespace crashdump
