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

struct PrintkRing {
  // The low bits of a state word are the id, the two high ones the state.
  uint64_t id_mask() const { return memory->format().word_mask() >> 2; }

  const KernelMemory* memory = nullptr;
  // Sizes and places within the structures.
  uint64_t descriptor_bytes = 0, state_at = 0, text_begin_at = 0, text_next_at = 0;
  uint64_t info_bytes = 0, nanoseconds_at = 0, text_length_at = 0, caller_id_at = 0;
  uint64_t descriptors = 0, infos = 0, text = 0;  // virtual addresses
  unsigned count_bits = 0, text_bits = 0;         // the rings have 1 << bits places and bytes
  uint64_t first_id = 0;
  uint64_t record_count = 0;  // never more than the ring has places
};

Result<PrintkRing> ReadRing(const KernelMemory& memory) {
  const Vmcoreinfo& vmcoreinfo = memory.vmcoreinfo();
  const uint64_t symbol = TRY(vmcoreinfo.Symbol("prb"));
  PrintkRing ring{.memory = &memory};
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
      {kSize, "prb_desc", &ring.descriptor_bytes, kRequired, kMaxStructure},
      {kOffset, "prb_desc.state_var", &ring.state_at, kRequired, kMaxStructure},
      {kOffset, "prb_desc.text_blk_lpos", &text_blk_at, kRequired, kMaxStructure},
      {kOffset, "prb_data_blk_lpos.begin", &begin_at, kRequired, kMaxStructure},
      {kOffset, "prb_data_blk_lpos.next", &next_at, kRequired, kMaxStructure},
      {kSize, "printk_info", &ring.info_bytes, kRequired, kMaxStructure},
      {kOffset, "printk_info.ts_nsec", &ring.nanoseconds_at, kRequired, kMaxStructure},
      {kOffset, "printk_info.text_len", &ring.text_length_at, kRequired, kMaxStructure},
      {kOffset, "printk_info.caller_id", &ring.caller_id_at, kRequired, kMaxStructure},
      {kOffset, "atomic_long_t.counter", &counter_at, VmcoreinfoField::Presence::kOptional, kMaxStructure},
  }));
  ring.state_at += counter_at;
  ring.text_begin_at = text_blk_at + begin_at;
  ring.text_next_at = text_blk_at + next_at;

  // prb is a pointer: the kernel moves to a larger ring while it boots.
  const uint64_t prb = TRY(memory.ReadWord(symbol), "log: prb");
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
  ring.count_bits = static_cast<unsigned>(count_bits);
  ring.text_bits = static_cast<unsigned>(text_bits);
  ring.descriptors = TRY(memory.ReadWord(descriptors + descs_at), "log: descs");
  ring.infos = TRY(memory.ReadWord(descriptors + infos_at), "log: infos");
  ring.text = TRY(memory.ReadWord(text + data_at), "log: text");
  const uint64_t head = TRY(memory.ReadWord(descriptors + head_at + counter_at), "log: head");
  const uint64_t tail = TRY(memory.ReadWord(descriptors + tail_at + counter_at), "log: tail");
  const uint64_t places = uint64_t{1} << count_bits;
  const uint64_t between = ((head - tail) & ring.id_mask()) + 1;
  ring.record_count = std::min(between, places);
  ring.first_id = (head - (ring.record_count - 1)) & ring.id_mask();
  return ring;
}

class RingWalk final : public LogWalk {
 public:
  explicit RingWalk(const PrintkRing& ring)
      : ring_(ring), descriptors_(*ring.memory), infos_(*ring.memory), text_(*ring.memory) {}
  bool Next(LogRecord& record) override;

 private:
  Result<LogRecord::State> Read(uint64_t id, LogRecord& record);
  // The text of a block that lies from position `begin` to `next`.
  Result<LogRecord::State> ReadText(uint64_t id, uint64_t begin, uint64_t next, uint64_t text_bytes, std::string& text);

  const PrintkRing ring_;
  CachedKernelReader descriptors_, infos_, text_;
  uint64_t index_ = 0;
  uint64_t damaged_on_end_ = 0;
};

bool RingWalk::Next(LogRecord& record) {
  const uint64_t count = ring_.record_count;
  if (damaged_on_end_ == kMaxDamagedOnEnd && count > kMaxDamagedOnEnd) {
    index_ = std::max(index_, count - kMaxDamagedOnEnd);
  }
  if (index_ == count) return false;
  const Result<LogRecord::State> state = Read((ring_.first_id + index_++) & ring_.id_mask(), record);
  record.state = state.ok() ? state.value() : LogRecord::State::kDamaged;
  damaged_on_end_ = record.state == LogRecord::State::kDamaged ? damaged_on_end_ + 1 : 0;
  return true;
}

Result<LogRecord::State> RingWalk::Read(uint64_t id, LogRecord& record) {
  using State = LogRecord::State;
  const TargetFormat format = ring_.memory->format();
  const uint64_t places = uint64_t{1} << ring_.count_bits;
  const uint64_t place = id & (places - 1);
  const uint64_t descriptor = ring_.descriptors + place * ring_.descriptor_bytes;
  const uint64_t info = ring_.infos + place * ring_.info_bytes;

  const uint64_t state_word = TRY(descriptors_.ReadInteger(descriptor + ring_.state_at, format.word_bytes()));
  const uint64_t state = state_word >> (format.word_bytes() * 8 - 2);
  const uint64_t state_id = state_word & ring_.id_mask();
  if (state_id != id) {
    // The head moves before the descriptor is taken over from the record of the round before.
    const bool before = state_id == ((id - places) & ring_.id_mask());
    return before ? State::kHalfWritten : State::kDamaged;
  }
  if (state == kReserved) return State::kHalfWritten;
  if (state != kCommitted && state != kFinalized) return State::kAbsent;  // reusable

  const uint64_t begin = TRY(descriptors_.ReadInteger(descriptor + ring_.text_begin_at, format.word_bytes()));
  const uint64_t next = TRY(descriptors_.ReadInteger(descriptor + ring_.text_next_at, format.word_bytes()));
  if (IsDataless(begin) && IsDataless(next)) return State::kAbsent;
  LogStamp& stamp = record.stamp.emplace();
  stamp.nanoseconds = TRY(infos_.ReadInteger(info + ring_.nanoseconds_at, kNanosecondsBytes));
  stamp.caller_id = static_cast<uint32_t>(TRY(infos_.ReadInteger(info + ring_.caller_id_at, kCallerIdBytes)));
  const uint64_t text_bytes = TRY(infos_.ReadInteger(info + ring_.text_length_at, kTextLengthBytes));
  return ReadText(id, begin, next, text_bytes, record.text);
}

Result<LogRecord::State> RingWalk::ReadText(uint64_t id, uint64_t begin, uint64_t next, uint64_t text_bytes,
                                            std::string& text) {
  using State = LogRecord::State;
  const TargetFormat format = ring_.memory->format();
  const uint64_t word_mask = format.word_mask();
  const uint64_t ring_bytes = uint64_t{1} << ring_.text_bits;
  // Positions only grow (modulo the word); their low bits are the place in the ring. A block that does not fit before
  // the ring's end begins at its start in the next round, and the id stands at both places.
  const uint64_t begin_round = begin >> ring_.text_bits;
  const uint64_t last_round = ((next - 1) & word_mask) >> ring_.text_bits;
  uint64_t block = begin & (ring_bytes - 1);
  uint64_t block_bytes = (next - begin) & word_mask;
  if (last_round != begin_round) {
    if (last_round != ((begin_round + 1) & (word_mask >> ring_.text_bits))) return State::kDamaged;
    block = 0;
    block_bytes = ((next - 1) & (ring_bytes - 1)) + 1;
  }
  if (block_bytes < format.word_bytes() || block_bytes > ring_bytes - block) return State::kDamaged;
  const uint64_t block_id = TRY(text_.ReadInteger(ring_.text + block, format.word_bytes()));
  if (block_id != id) return State::kDamaged;
  // The kernel may have cut the text off to fit the block.
  text.resize(static_cast<size_t>(std::min(text_bytes, block_bytes - format.word_bytes())));
  TRY(text_.Read(ring_.text + block + format.word_bytes(), MutableBytesOf(text)));
  return State::kText;
}

}  // namespace

Result<LogRecords> OpenPrintkRing(const KernelMemory& memory) {
  const PrintkRing ring = TRY(ReadRing(memory));
  return LogRecords([ring] { return std::make_unique<RingWalk>(ring); });
}

}  // namespace crashdump
