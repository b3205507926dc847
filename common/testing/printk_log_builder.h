// SPDX-License-Identifier: GPL-2.0-or-later
// PrintkLogBuilder: the record buffer of Linux 3.5 to 5.9, filled as that kernel does.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "common/testing/kernel_log_block.h"

namespace crashdump::testing {

class PrintkLogBuilder final : public KernelLogBlock {
 public:
  // What VMCOREINFO says of the structure.
  enum class Keys : uint8_t {
    kPrintkLog,           // Linux 3.11 to 5.9
    kPrintkLogAndCaller,  // the same with CONFIG_PRINTK_CALLER (Linux 5.1): the header is longer
    kLog,                 // Linux 3.6 to 3.10
    kNone,                // Linux 3.5
  };
  struct Record {
    std::string text;
    uint64_t nanoseconds = 0;
    uint32_t caller_id = 0;
    std::string dictionary = {};
  };

  PrintkLogBuilder(TargetFormat format, uint64_t virtual_address, uint64_t buffer_bytes = 1024,
                   Keys keys = Keys::kPrintkLog);

  // The oldest records give way when the buffer is full.
  PrintkLogBuilder& Add(const Record& record);
  PrintkLogBuilder& Add(std::string_view text) { return Add(Record{.text = std::string(text)}); }

  void AddKeysTo(VmcoreBuilder& vmcore) const override;

  // Where things are in memory(). The variables and a header's lengths have 4 and 2 bytes.
  static constexpr uint64_t kBufferPointer = 0;
  static constexpr uint64_t kBufferLength = 8;
  static constexpr uint64_t kFirstIndex = 12;
  static constexpr uint64_t kNextIndex = 16;
  static constexpr uint64_t kClearIndex = 20;
  static constexpr uint64_t kBuffer = 32;
  static constexpr uint64_t kLength = 8;  // within a header
  static constexpr uint64_t kTextLength = 10;
  static constexpr uint64_t kDictionaryLength = 12;
  // Of the records from the oldest to the newest.
  uint64_t HeaderOffset(size_t index) const { return kBuffer + records_.at(index); }
  size_t count() const { return records_.size(); }
  uint64_t header_bytes() const { return keys_ == Keys::kPrintkLogAndCaller ? 20 : 16; }

 private:
  bool Fits(uint64_t bytes) const;

  Keys keys_;
  uint64_t buffer_bytes_;
  std::deque<uint64_t> records_;  // offsets in the buffer
  // As the kernel's indexes: the first may lead to the mark at the end instead of the record at the beginning.
  uint64_t first_ = 0, next_ = 0;
};

}  // namespace crashdump::testing
