// SPDX-License-Identifier: GPL-2.0-or-later
// PrintkRing: the printk ring buffer of Linux 5.10 and later in a crashed kernel's memory: a ring of descriptors, a
// ring of infos beside it, and a ring of text. Linux kernel/printk/printk_ringbuffer.h describes it.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/vmcore/kernel_memory.h"

namespace crashdump {

struct PrintkRecord {
  // What became of the record.
  enum class State : uint8_t {
    kText,         // the fields below hold it
    kAbsent,       // no text: an empty line, one that did not fit, or one that has given way to a newer one
    kHalfWritten,  // the kernel did not finish it
    kDamaged,      // contradicts itself, or cannot be read
  };
  State state = State::kAbsent;
  uint64_t nanoseconds = 0;  // since boot
  uint32_t caller_id = 0;    // bit 31 set: a CPU's number, else a task's id
  std::string text;          // as logged: any bytes, at most 65535
};

class PrintkRing {
 public:
  // Reads the ring's own structure through SYMBOL(prb). Errors as PanicMessages::Open. `memory` must outlive this
  // object.
  static Result<PrintkRing> Open(const KernelMemory& memory);

  // Descriptors from the oldest to the newest: what Reader::Read takes is 0 to count() - 1. Never more than the ring
  // has places, whatever its head and tail say; if they make no sense, the places up to the head.
  uint64_t count() const { return record_count_; }

  // For one thread and one walk; keeps what it has read of each ring.
  class Reader {
   public:
    explicit Reader(const PrintkRing& ring);
    // Fills `record`, whose text keeps its memory from call to call.
    void Read(uint64_t index, PrintkRecord& record);

   private:
    Result<uint64_t> ReadInteger(CachedKernelReader& reader, uint64_t address, uint32_t size);
    Result<PrintkRecord::State> TryRead(uint64_t id, PrintkRecord& record);
    // The text of a block that lies from position `begin` to `next`.
    Result<PrintkRecord::State> ReadText(uint64_t id, uint64_t begin, uint64_t next, uint64_t text_bytes,
                                         PrintkRecord& record);

    const PrintkRing* ring_;
    CachedKernelReader descriptors_, infos_, text_;
  };

 private:
  // Sizes and places from VMCOREINFO.
  struct Layout {
    uint64_t descriptor_bytes = 0, state = 0, text_begin = 0, text_next = 0;
    uint64_t info_bytes = 0, nanoseconds = 0, text_length = 0, caller_id = 0;
  };

  explicit PrintkRing(const KernelMemory& memory) : memory_(&memory) {}
  // The low bits of a state word are the id, the two high ones the state.
  uint64_t id_mask() const { return memory_->format().word_mask() >> 2; }

  const KernelMemory* memory_;
  Layout layout_;
  uint64_t descriptors_ = 0, infos_ = 0, text_ = 0;  // virtual addresses
  unsigned count_bits_ = 0, text_bits_ = 0;          // the rings have 1 << bits places and bytes
  uint64_t first_id_ = 0;
  uint64_t record_count_ = 0;
};

}  // namespace crashdump
