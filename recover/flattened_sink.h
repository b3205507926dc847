// SPDX-License-Identifier: GPL-2.0-or-later
// FlattenedSink: makedumpfile's flattened format: what is written at which offset, as a stream for a pipe, which
// `makedumpfile -R` turns into the file. (makedumpfile 1.7.2, IMPLEMENTATION and makedumpfile.h.)
#pragma once

#include "common/base/byte_sink.h"
#include "common/base/result.h"

namespace crashdump {

class FlattenedSink final : public ByteSink {
 public:
  // Writes the header. Borrows the descriptor.
  static Result<FlattenedSink> Create(int fd);

  // One record. Readers keep a list of the records and search it by offset: few and large ones, no byte twice, none of
  // them empty.
  Result<> WriteAt(uint64_t offset, Bytes data) override;
  Result<> Flush() override { return {}; }
  // Ends the stream: what has no end is torn.
  Result<> Finish();
  // Of the stream up to now.
  uint64_t stream_bytes() const { return stream_bytes_; }

 private:
  explicit FlattenedSink(int fd) : fd_(fd) {}
  Result<> Write(Bytes bytes);

  int fd_;
  uint64_t stream_bytes_ = 0;
};

}  // namespace crashdump
