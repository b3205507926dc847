// SPDX-License-Identifier: GPL-2.0-or-later
// SequentialWriter: writes what follows one another into a sink, through a buffer.
#pragma once

#include <algorithm>
#include <vector>

#include "common/base/byte_sink.h"
#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/units.h"

namespace crashdump {

class SequentialWriter {
 public:
  // What is written at once: so much that the records of a flattened file are few, since crash sorts them in quadratic
  // time (makedumpfile.c, sort_flat_data_array(), 8.0).
  static constexpr size_t kBufferBytes = 4 * kMiB;

  // Begins at `offset`. Borrows the sink. Nothing is allocated before the first byte comes.
  SequentialWriter(ByteSink& sink, uint64_t offset) : sink_(&sink), flushed_(offset) {}

  // Where the next byte goes.
  uint64_t position() const { return flushed_ + buffer_.size(); }

  Result<> Append(Bytes bytes) {
    while (!bytes.empty()) {
      const size_t room = TRY(Room(1));
      const size_t count = std::min(bytes.size(), room);
      buffer_.insert(buffer_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count));
      bytes = bytes.subspan(count);
    }
    return {};
  }
  // A zeroed structure of at most kBufferBytes, to be filled before the next call.
  Result<MutableBytes> Next(size_t bytes) {
    TRY(Room(bytes));
    buffer_.resize(buffer_.size() + bytes);
    return MutableBytes(buffer_).last(bytes);
  }
  // Zeros up to `offset`, which is not below position().
  Result<> PadTo(uint64_t offset) {
    while (position() < offset) {
      const uint64_t room = TRY(Room(1));
      buffer_.resize(buffer_.size() + static_cast<size_t>(std::min(room, offset - position())));
    }
    return {};
  }
  // After the last byte.
  Result<> Flush() {
    if (buffer_.empty()) return {};
    TRY(sink_->WriteAt(flushed_, buffer_));
    flushed_ += buffer_.size();
    buffer_.clear();
    return {};
  }

 private:
  // Makes room for `bytes` in the buffer; all that there is then.
  Result<size_t> Room(size_t bytes) {
    if (kBufferBytes - buffer_.size() < bytes) TRY(Flush());
    buffer_.reserve(kBufferBytes);
    return kBufferBytes - buffer_.size();
  }

  ByteSink* sink_;
  uint64_t flushed_;
  std::vector<uint8_t> buffer_;
};

}  // namespace crashdump
