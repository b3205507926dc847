// SPDX-License-Identifier: GPL-2.0-or-later
// PrintkBuilder: a printk ring buffer in a block of memory, as Linux 5.10 and later lay it out, with the VMCOREINFO
// keys that describe it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/testing/kernel_log_block.h"

namespace crashdump::testing {

class PrintkBuilder final : public KernelLogBlock {
 public:
  // States of a descriptor; Linux kernel/printk/printk_ringbuffer.h, enum desc_state.
  enum class State : uint8_t { kReserved = 0, kCommitted = 1, kFinalized = 2, kReusable = 3 };
  struct Record {
    std::string text;
    uint64_t nanoseconds = 0;
    uint32_t caller_id = 0;
    State state = State::kFinalized;
  };

  // 1 << count_bits descriptors and 1 << text_bits bytes of text.
  PrintkBuilder(TargetFormat format, uint64_t virtual_address, unsigned count_bits = 5, unsigned text_bits = 10);

  // Appends as the kernel does: the oldest records give way when descriptors or text run out.
  PrintkBuilder& Add(const Record& record);
  PrintkBuilder& Add(std::string_view text) { return Add(Record{.text = std::string(text)}); }

  // Where things are in memory(), for tests that damage them.
  uint64_t DescriptorOffset(uint64_t id) const;  // state word, begin, next: a word each
  uint64_t InfoOffset(uint64_t id) const;
  uint64_t HeadOffset() const;
  uint64_t TailOffset() const;
  uint64_t text_offset() const { return text_offset_; }
  uint64_t newest_id() const { return head_id_; }
  uint64_t oldest_id() const { return tail_id_; }

  void AddKeysTo(VmcoreBuilder& vmcore) const override;

 private:
  uint64_t id_mask() const { return format_.word_mask() >> 2; }
  uint64_t StateBits(State state) const;
  void DropOldest();
  void StoreEnds();

  unsigned count_bits_, text_bits_;
  uint64_t descriptors_offset_ = 0, infos_offset_ = 0, text_offset_ = 0;
  uint64_t head_id_ = 0, tail_id_ = 0;              // ids of the newest and the oldest record
  uint64_t head_position_ = 0, tail_position_ = 0;  // of the text ring's content
};

}  // namespace crashdump::testing
