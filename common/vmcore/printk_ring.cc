// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/printk_ring.h"

#include <algorithm>
#include <array>
#include <cinttypes>

namespace crashdump {
namespace {

// Linux kernel/printk/printk.c, LOG_BUF_LEN_MAX: 2 GiB of text, and one descriptor for 32 bytes (PRB_AVGBITS).
constexpr uint64_t kMaxTextBits = 31;
constexpr uint64_t kMaxCountBits = 26;
// No structure here is larger than a page; a larger offset is damage.
constexpr uint64_t kMaxStructure = 4096;

constexpr uint32_t kUnsignedIntBytes = 4;
constexpr uint32_t kNanosecondsBytes = 8;
constexpr uint32_t kTextLengthBytes = 2;
constexpr uint32_t kCallerIdBytes = 4;

// enum desc_state
constexpr uint64_t kReserved = 0;
constexpr uint64_t kCommitted = 1;
constexpr uint64_t kFinalized = 2;

// Positions with the lowest bit set stand for "no data" (LPOS_DATALESS).
bool IsDataless(uint64_t lpos) { return (lpos & 1) != 0; }

Error NoRing(const Vmcoreinfo& vmcoreinfo) {
  if (vmcoreinfo.Symbol("log_buf").ok()) {
    return Error::Format(ErrorCode::kUnsupported,
                         "the log has the form of Linux before 5.10, which this version cannot read");
  }
  return Error::Format(ErrorCode::kUnsupported,
                       "VMCOREINFO says nothing of a log: neither SYMBOL(prb) nor SYMBOL(log_buf)");
}

}  // namespace

Result<PrintkRing> PrintkRing::Open(const KernelMemory& memory) {
  const Vmcoreinfo& vmcoreinfo = memory.vmcoreinfo();
  const Result<uint64_t> symbol = vmcoreinfo.Symbol("prb");
  if (!symbol.ok() && symbol.error().code() == ErrorCode::kNotFound) return NoRing(vmcoreinfo);
  if (!symbol.ok()) return symbol.error();

  PrintkRing ring(memory);
  Layout& layout = ring.layout_;
  uint64_t desc_ring = 0, text_ring = 0, count_bits_at = 0, descs_at = 0, infos_at = 0, head_at = 0, tail_at = 0;
  uint64_t size_bits_at = 0, data_at = 0, text_blk_at = 0, begin_at = 0, next_at = 0, counter_at = 0;
  constexpr auto kOffset = VmcoreinfoKind::kOffset;
  constexpr auto kSize = VmcoreinfoKind::kSize;
  constexpr auto kRequired = VmcoreinfoField::Presence::kRequired;
  TRY(vmcoreinfo.Fill({
      {kOffset, "printk_ringbuffer.desc_ring", &desc_ring, kRequired, kMaxStructure},
      {kOffset, "printk_ringbuffer.text_data_ring", &text_ring, kRequired, kMaxStructure},
      {kOffset, "prb_desc_ring.count_bits", &count_bits_at, kRequired, kMaxStructure},
      {kOffset, "prb_desc_ring.descs", &descs_at, kRequired, kMaxStructure},
      {kOffset, "prb_desc_ring.infos", &infos_at, kRequired, kMaxStructure},
      {kOffset, "prb_desc_ring.head_id", &head_at, kRequired, kMaxStructure},
      {kOffset, "prb_desc_ring.tail_id", &tail_at, kRequired, kMaxStructure},
      {kOffset, "prb_data_ring.size_bits", &size_bits_at, kRequired, kMaxStructure},
      {kOffset, "prb_data_ring.data", &data_at, kRequired, kMaxStructure},
      {kSize, "prb_desc", &layout.descriptor_bytes, kRequired, kMaxStructure},
      {kOffset, "prb_desc.state_var", &layout.state, kRequired, kMaxStructure},
      {kOffset, "prb_desc.text_blk_lpos", &text_blk_at, kRequired, kMaxStructure},
      {kOffset, "prb_data_blk_lpos.begin", &begin_at, kRequired, kMaxStructure},
      {kOffset, "prb_data_blk_lpos.next", &next_at, kRequired, kMaxStructure},
      {kSize, "printk_info", &layout.info_bytes, kRequired, kMaxStructure},
      {kOffset, "printk_info.ts_nsec", &layout.nanoseconds, kRequired, kMaxStructure},
      {kOffset, "printk_info.text_len", &layout.text_length, kRequired, kMaxStructure},
      {kOffset, "printk_info.caller_id", &layout.caller_id, kRequired, kMaxStructure},
      {kOffset, "atomic_long_t.counter", &counter_at, VmcoreinfoField::Presence::kOptional, kMaxStructure},
  }));
  layout.state += counter_at;
  layout.text_begin = text_blk_at + begin_at;
  layout.text_next = text_blk_at + next_at;

  // prb is a pointer: the kernel moves to a larger ring while it boots.
  const uint64_t prb = TRY(memory.ReadWord(symbol.value()), "log: prb");
  const uint64_t descriptors = prb + desc_ring;
  const uint64_t text = prb + text_ring;
  const uint64_t count_bits =
      TRY(memory.ReadInteger(descriptors + count_bits_at, kUnsignedIntBytes), "log: count_bits");
  const uint64_t text_bits = TRY(memory.ReadInteger(text + size_bits_at, kUnsignedIntBytes), "log: size_bits");
  if (count_bits > kMaxCountBits || text_bits > kMaxTextBits) {
    return Error::Format(ErrorCode::kCorrupt,
                         "log: a ring of 2^%" PRIu64 " descriptors and 2^%" PRIu64 " bytes of text", count_bits,
                         text_bits);
  }
  ring.count_bits_ = static_cast<unsigned>(count_bits);
  ring.text_bits_ = static_cast<unsigned>(text_bits);
  ring.descriptors_ = TRY(memory.ReadWord(descriptors + descs_at), "log: descs");
  ring.infos_ = TRY(memory.ReadWord(descriptors + infos_at), "log: infos");
  ring.text_ = TRY(memory.ReadWord(text + data_at), "log: text");
  const uint64_t head = TRY(memory.ReadWord(descriptors + head_at + counter_at), "log: head");
  const uint64_t tail = TRY(memory.ReadWord(descriptors + tail_at + counter_at), "log: tail");
  const uint64_t places = uint64_t{1} << count_bits;
  const uint64_t between = ((head - tail) & ring.id_mask()) + 1;
  ring.record_count_ = std::min(between, places);
  ring.first_id_ = (head - (ring.record_count_ - 1)) & ring.id_mask();
  return ring;
}

PrintkRing::Reader::Reader(const PrintkRing& ring)
    : ring_(&ring), descriptors_(*ring.memory_), infos_(*ring.memory_), text_(*ring.memory_) {}

void PrintkRing::Reader::Read(uint64_t index, PrintkRecord& record) {
  Require(index < ring_->record_count_);
  const Result<PrintkRecord::State> state = TryRead((ring_->first_id_ + index) & ring_->id_mask(), record);
  record.state = state.ok() ? state.value() : PrintkRecord::State::kDamaged;
}

Result<uint64_t> PrintkRing::Reader::ReadInteger(CachedKernelReader& reader, uint64_t address, uint32_t size) {
  std::array<uint8_t, 8> buffer;
  const MutableBytes bytes = MutableBytes(buffer).first(size);
  TRY(reader.Read(address, bytes));
  return LoadInteger(bytes, ring_->memory_->format().order);
}

Result<PrintkRecord::State> PrintkRing::Reader::TryRead(uint64_t id, PrintkRecord& record) {
  using State = PrintkRecord::State;
  const Layout& layout = ring_->layout_;
  const TargetFormat format = ring_->memory_->format();
  const uint64_t places = uint64_t{1} << ring_->count_bits_;
  const uint64_t place = id & (places - 1);
  const uint64_t descriptor = ring_->descriptors_ + place * layout.descriptor_bytes;
  const uint64_t info = ring_->infos_ + place * layout.info_bytes;

  const uint64_t state_word = TRY(ReadInteger(descriptors_, descriptor + layout.state, format.word_bytes()));
  const uint64_t state = state_word >> (format.word_bytes() * 8 - 2);
  const uint64_t state_id = state_word & ring_->id_mask();
  if (state_id != id) {
    // The head moves before the descriptor is taken over from the record of the round before.
    const bool before = state_id == ((id - places) & ring_->id_mask());
    return before ? State::kHalfWritten : State::kDamaged;
  }
  if (state == kReserved) return State::kHalfWritten;
  if (state != kCommitted && state != kFinalized) return State::kAbsent;  // reusable

  const uint64_t begin = TRY(ReadInteger(descriptors_, descriptor + layout.text_begin, format.word_bytes()));
  const uint64_t next = TRY(ReadInteger(descriptors_, descriptor + layout.text_next, format.word_bytes()));
  if (IsDataless(begin) && IsDataless(next)) return State::kAbsent;
  record.nanoseconds = TRY(ReadInteger(infos_, info + layout.nanoseconds, kNanosecondsBytes));
  record.caller_id = static_cast<uint32_t>(TRY(ReadInteger(infos_, info + layout.caller_id, kCallerIdBytes)));
  const uint64_t text_bytes = TRY(ReadInteger(infos_, info + layout.text_length, kTextLengthBytes));
  return ReadText(id, begin, next, text_bytes, record);
}

Result<PrintkRecord::State> PrintkRing::Reader::ReadText(uint64_t id, uint64_t begin, uint64_t next,
                                                         uint64_t text_bytes, PrintkRecord& record) {
  using State = PrintkRecord::State;
  const TargetFormat format = ring_->memory_->format();
  const uint64_t word_mask = format.word_mask();
  const uint64_t ring_bytes = uint64_t{1} << ring_->text_bits_;
  // Positions only grow (modulo the word); their low bits are the place in the ring. A block that does not fit before
  // the ring's end begins at its start in the next round, and the id stands at both places.
  const uint64_t begin_round = begin >> ring_->text_bits_;
  const uint64_t last_round = ((next - 1) & word_mask) >> ring_->text_bits_;
  uint64_t block = begin & (ring_bytes - 1);
  uint64_t block_bytes = (next - begin) & word_mask;
  if (last_round != begin_round) {
    if (last_round != ((begin_round + 1) & (word_mask >> ring_->text_bits_))) return State::kDamaged;
    block = 0;
    block_bytes = ((next - 1) & (ring_bytes - 1)) + 1;
  }
  if (block_bytes < format.word_bytes() || block_bytes > ring_bytes - block) return State::kDamaged;
  const uint64_t block_id = TRY(ReadInteger(text_, ring_->text_ + block, format.word_bytes()));
  if (block_id != id) return State::kDamaged;
  // The kernel may have cut the text off to fit the block.
  record.text.resize(static_cast<size_t>(std::min(text_bytes, block_bytes - format.word_bytes())));
  const MutableBytes text(reinterpret_cast<uint8_t*>(record.text.data()), record.text.size());
  TRY(text_.Read(ring_->text_ + block + format.word_bytes(), text));
  return State::kText;
}

}  // namespace crashdump
