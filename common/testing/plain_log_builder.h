// SPDX-License-Identifier: GPL-2.0-or-later
// PlainLogBuilder: the plain buffer of Linux before 3.5.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/testing/kernel_log_block.h"

namespace crashdump::testing {

class PlainLogBuilder final : public KernelLogBlock {
 public:
  PlainLogBuilder(TargetFormat format, uint64_t virtual_address, uint64_t buffer_bytes = 1024);

  // Appends the text as it stands, over the oldest if the buffer is full.
  PlainLogBuilder& Add(std::string_view text);

  void AddKeysTo(VmcoreBuilder& vmcore) const override;

  // Where things are in memory(). The variables have 4 bytes.
  static constexpr uint64_t kBufferPointer = 0;
  static constexpr uint64_t kBufferLength = 8;
  static constexpr uint64_t kEnd = 12;
  static constexpr uint64_t kLoggedChars = 16;
  static constexpr uint64_t kBuffer = 32;

 private:
  uint64_t buffer_bytes_;
  uint64_t end_ = 0;
};

}  // namespace crashdump::testing
