// SPDX-License-Identifier: GPL-2.0-or-later
// ByteReader: a bounds-checked cursor over borrowed bytes. Its errors say the offset.
#pragma once

#include <cinttypes>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace crashdump {

class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : bytes_(bytes) {}

  uint64_t offset() const { return offset_; }
  uint64_t remaining() const { return bytes_.size() - offset_; }

  // The next `count` bytes; valid as long as the memory under the reader.
  Result<Bytes> Take(uint64_t count) {
    if (count > remaining()) {
      return Error::Format(ErrorCode::kTruncated, "offset %" PRIu64 ": needs %" PRIu64 " bytes, has %" PRIu64, offset_,
                           count, remaining());
    }
    const Bytes taken = bytes_.subspan(static_cast<size_t>(offset_), static_cast<size_t>(count));
    offset_ += count;
    return taken;
  }

  // The next on-disk structure.
  template <typename T>
  Result<T> TakeObject() {
    const Bytes taken = TRY(Take(sizeof(T)));
    return LoadObject<T>(taken);
  }

 private:
  Bytes bytes_;
  uint64_t offset_ = 0;
};

}  // namespace crashdump
