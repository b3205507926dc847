// SPDX-License-Identifier: GPL-2.0-or-later
// RangeSource: a range of another source as a source of its own: the region of a disk, whose offsets count from the
// region's first byte.
#pragma once

#include <cinttypes>

#include "common/base/byte_source.h"
#include "common/base/units.h"

namespace crashdump {

class RangeSource final : public ByteSource {
 public:
  // Borrows `source`. A range that ends beyond the source is cut off at its end: reads there are kTruncated.
  RangeSource(const ByteSource& source, Range range)
      : source_(&source), begin_(range.begin < source.size() ? range.begin : source.size()) {
    const uint64_t end = range.end < source.size() ? range.end : source.size();
    size_ = end > begin_ ? end - begin_ : 0;
  }

  Result<> ReadAt(uint64_t offset, MutableBytes out) const override {
    if (offset > size_ || out.size() > size_ - offset) {
      return Error::Format(ErrorCode::kTruncated, "read of %zu bytes at %" PRIu64 ": there are %" PRIu64, out.size(),
                           offset, size_);
    }
    return source_->ReadAt(begin_ + offset, out);
  }
  uint64_t size() const override { return size_; }

 private:
  const ByteSource* source_;
  uint64_t begin_;
  uint64_t size_ = 0;
};

}  // namespace crashdump
