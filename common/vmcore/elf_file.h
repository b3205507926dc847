// SPDX-License-Identifier: GPL-2.0-or-later
// ElfFile: the headers of an ELF core file of either class and byte order, checked.
#pragma once

#include <vector>

#include "common/base/byte_source.h"
#include "common/base/result.h"
#include "common/base/units.h"
#include "common/vmcore/target_data.h"

namespace crashdump {

// One PT_LOAD or PT_NOTE. The ends of its bytes in the file and of a PT_LOAD's physical memory do not overflow.
// Bytes from file_size to memory_size are not in the file: they are unknown, not zero.
struct ElfSegment {
  uint32_t number;  // the place in the program header table, for messages
  uint64_t file_offset;
  uint64_t virtual_address;  // 0 in files from QEMU, which know none; all ones for memory that has none on i386
  uint64_t physical_address;
  uint64_t file_size;
  uint64_t memory_size;

  // The bytes of physical memory that the file holds.
  Range physical() const { return {physical_address, physical_address + file_size}; }
};

class ElfFile {
 public:
  // No crashed machine has more memory ranges than this; the table of a hostile file may claim 4 Gi.
  static constexpr uint32_t kMaxSegments = 1U << 18;

  // Reads the headers. Accepts what QEMU's dump-guest-memory writes: program headers behind the section headers and a
  // wrong e_ehsize. Errors: kUnsupported if it is no ELF core file, kTruncated if the headers or a segment end behind
  // the source's end ("truncated: segment 3 needs bytes up to 8192, the file has 4096"), kCorrupt if they contradict
  // themselves. A source whose size() is 0 has an unknown size (some kernels' /proc/vmcore): segments are then not
  // held against it.
  static Result<ElfFile> Read(const ByteSource& source);

  TargetFormat format() const { return format_; }
  // EM_*; which of them are supported is the caller's to decide.
  uint16_t machine() const { return machine_; }
  // PT_LOADs of which the file holds something, in the file's order.
  const std::vector<ElfSegment>& loads() const { return loads_; }
  // PT_NOTEs with contents, in the file's order.
  const std::vector<ElfSegment>& notes() const { return notes_; }

 private:
  TargetFormat format_;
  uint16_t machine_ = 0;
  std::vector<ElfSegment> loads_;
  std::vector<ElfSegment> notes_;
};

}  // namespace crashdump
