// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/printk_builder.h"

#include "common/base/result.h"
#include "common/base/units.h"

namespace crashdump::testing {
namespace {

// struct printk_info, the same for all word sizes.
constexpr uint64_t kInfoBytes = 88;
constexpr uint64_t kInfoNanoseconds = 8;
constexpr uint64_t kInfoTextLength = 16;
constexpr uint64_t kInfoCallerId = 20;

// The pointer variable `prb` is the block's first word; the ring behind it is the structure.
constexpr uint64_t kRingOffset = 16;

}  // namespace

PrintkBuilder::PrintkBuilder(TargetFormat format, uint64_t virtual_address, unsigned count_bits, unsigned text_bits)
    : KernelLogBlock(format, virtual_address), count_bits_(count_bits), text_bits_(text_bits) {
  const uint64_t word = format_.word_bytes();
  const uint64_t places = uint64_t{1} << count_bits_;
  const uint64_t text_bytes = uint64_t{1} << text_bits_;
  descriptors_offset_ = AlignUp(kRingOffset + 10 * word, 64);
  infos_offset_ = descriptors_offset_ + places * 3 * word;
  text_offset_ = infos_offset_ + places * kInfoBytes;
  memory_.resize(text_offset_ + text_bytes);

  // Ids and positions begin so that they soon pass zero, as in the kernel (DESC0_ID, BLK0_LPOS).
  head_id_ = tail_id_ = (0 - (places + 1)) & id_mask();
  head_position_ = tail_position_ = (0 - text_bytes) & format_.word_mask();
  StoreWord(DescriptorOffset(head_id_), head_id_ | StateBits(State::kReusable));

  StoreWord(0, virtual_address_ + kRingOffset);
  Store(kRingOffset, 4, count_bits_);
  StoreWord(kRingOffset + word, virtual_address_ + descriptors_offset_);
  StoreWord(kRingOffset + 2 * word, virtual_address_ + infos_offset_);
  Store(kRingOffset + 5 * word, 4, text_bits_);
  StoreWord(kRingOffset + 6 * word, virtual_address_ + text_offset_);
  StoreEnds();
}

uint64_t PrintkBuilder::StateBits(State state) const {
  return static_cast<uint64_t>(state) << (format_.word_bytes() * 8 - 2);
}

uint64_t PrintkBuilder::DescriptorOffset(uint64_t id) const {
  return descriptors_offset_ + (id & ((uint64_t{1} << count_bits_) - 1)) * 3 * format_.word_bytes();
}

uint64_t PrintkBuilder::InfoOffset(uint64_t id) const {
  return infos_offset_ + (id & ((uint64_t{1} << count_bits_) - 1)) * kInfoBytes;
}

uint64_t PrintkBuilder::HeadOffset() const { return kRingOffset + uint64_t{3} * format_.word_bytes(); }

uint64_t PrintkBuilder::TailOffset() const { return kRingOffset + uint64_t{4} * format_.word_bytes(); }

PrintkBuilder& PrintkBuilder::Add(const Record& record) {
  const uint64_t word = format_.word_bytes();
  const uint64_t places = uint64_t{1} << count_bits_;
  const uint64_t text_bytes = uint64_t{1} << text_bits_;
  const uint64_t id = (head_id_ + 1) & id_mask();
  if (((id - tail_id_) & id_mask()) >= places) DropOldest();

  // Positions with the lowest bit set: no text.
  uint64_t begin = 3;
  uint64_t next = 3;
  if (!record.text.empty()) {
    const uint64_t block_bytes = AlignUp(word + record.text.size(), word);
    Require(block_bytes <= text_bytes / 2);
    begin = head_position_;
    next = (begin + block_bytes) & format_.word_mask();
    uint64_t block = begin & (text_bytes - 1);
    if (begin >> text_bits_ != next >> text_bits_) {
      StoreWord(text_offset_ + block, id);
      next = (AlignDown(next, text_bytes) + block_bytes) & format_.word_mask();
      block = 0;
    }
    while (((next - tail_position_) & format_.word_mask()) > text_bytes) DropOldest();
    StoreWord(text_offset_ + block, id);
    memcpy(memory_.data() + text_offset_ + block + word, record.text.data(), record.text.size());
    head_position_ = next;
  }
  StoreWord(DescriptorOffset(id), id | StateBits(record.state));
  StoreWord(DescriptorOffset(id) + word, begin);
  StoreWord(DescriptorOffset(id) + 2 * word, next);
  Store(InfoOffset(id) + kInfoNanoseconds, 8, record.nanoseconds);
  Store(InfoOffset(id) + kInfoTextLength, 2, record.text.size());
  Store(InfoOffset(id) + kInfoCallerId, 4, record.caller_id);
  head_id_ = id;
  StoreEnds();
  return *this;
}

void PrintkBuilder::DropOldest() {
  Require(tail_id_ != head_id_);
  const uint64_t word = format_.word_bytes();
  StoreWord(DescriptorOffset(tail_id_), tail_id_ | StateBits(State::kReusable));
  const uint64_t next = Load(DescriptorOffset(tail_id_) + 2 * word, format_.word_bytes());
  if ((next & 1) == 0 && next != 0) tail_position_ = next;
  tail_id_ = (tail_id_ + 1) & id_mask();
}

void PrintkBuilder::StoreEnds() {
  StoreWord(HeadOffset(), head_id_);
  StoreWord(TailOffset(), tail_id_);
}

void PrintkBuilder::AddKeysTo(VmcoreBuilder& vmcore) const {
  const uint64_t word = format_.word_bytes();
  AddSymbol(vmcore, "prb", 0);
  const struct {
    const char* key;
    uint64_t value;
  } keys[] = {
      {"SIZE(printk_ringbuffer)", 10 * word},
      {"OFFSET(printk_ringbuffer.desc_ring)", 0},
      {"OFFSET(printk_ringbuffer.text_data_ring)", 5 * word},
      {"OFFSET(prb_desc_ring.count_bits)", 0},
      {"OFFSET(prb_desc_ring.descs)", word},
      {"OFFSET(prb_desc_ring.infos)", 2 * word},
      {"OFFSET(prb_desc_ring.head_id)", 3 * word},
      {"OFFSET(prb_desc_ring.tail_id)", 4 * word},
      {"OFFSET(prb_data_ring.size_bits)", 0},
      {"OFFSET(prb_data_ring.data)", word},
      {"SIZE(prb_desc)", 3 * word},
      {"OFFSET(prb_desc.state_var)", 0},
      {"OFFSET(prb_desc.text_blk_lpos)", word},
      {"OFFSET(prb_data_blk_lpos.begin)", 0},
      {"OFFSET(prb_data_blk_lpos.next)", word},
      {"SIZE(printk_info)", kInfoBytes},
      {"OFFSET(printk_info.ts_nsec)", kInfoNanoseconds},
      {"OFFSET(printk_info.text_len)", kInfoTextLength},
      {"OFFSET(printk_info.caller_id)", kInfoCallerId},
      {"OFFSET(atomic_long_t.counter)", 0},
  };
  for (const auto& [key, value] : keys) AddNumber(vmcore, key, value);
}

}  // namespace crashdump::testing
