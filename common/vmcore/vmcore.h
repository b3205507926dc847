// SPDX-License-Identifier: GPL-2.0-or-later
// Vmcore: a crashed machine's memory in an ELF core file, which may be /proc/vmcore: its facts and its bytes by
// physical address. Kernel virtual addresses: kernel_memory.h. Whole pages, fast: page_reader.h.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/byte_source.h"
#include "common/base/result.h"
#include "common/vmcore/elf_file.h"
#include "common/vmcore/target_machine.h"
#include "common/vmcore/vmcoreinfo.h"

namespace crashdump {

class Vmcore {
 public:
  // PT_NOTE segments of more bytes than this in all are left out, with a warning: 16 Ki CPUs need 8 MiB.
  static constexpr uint64_t kMaxNotesBytes = 16 * kMiB;

  // Opens a file or /proc/vmcore. Errors do not name the path: the caller knows it. Fails if it is no vmcore, if it
  // is truncated, or if its page size cannot be known. Anything wrong with the notes is a warning only: memory can be
  // saved without them.
  static Result<Vmcore> Open(const char* path);
  // Over any other source.
  static Result<Vmcore> Open(std::unique_ptr<const ByteSource> source);

  // How the crashed machine stores integers.
  TargetFormat format() const { return format_; }
  // Of the file's headers, which may be wider than the machine's words.
  WordSize elf_word() const { return elf_.format().word; }
  uint16_t machine() const { return elf_.machine(); }  // EM_*, elf_layout.h
  // The machine's name as uname prints it ("x86_64", "i686", "ppc64le", "ppc64"), or "unknown".
  const char* machine_name() const;
  // What is known of the machine; null if nothing is.
  const TargetMachine* known_machine() const { return known_machine_; }
  uint64_t page_size() const { return page_size_; }  // bytes; a power of two
  // Memory segments in the file's order; they may overlap (x86_64 maps the kernel's text a second time).
  const std::vector<ElfSegment>& loads() const { return elf_.loads(); }

  // All PT_NOTE segments' bytes, one behind the other.
  Bytes notes() const { return notes_; }
  // How many CPUs' registers the notes hold.
  uint32_t cpu_count() const { return cpu_count_; }
  // Null if the vmcore has none. Valid as long as this object is not moved.
  const Vmcoreinfo* vmcoreinfo() const { return vmcoreinfo_ ? &*vmcoreinfo_ : nullptr; }
  // The same, or an error that says what is missing and what to do about it.
  Result<const Vmcoreinfo*> RequireVmcoreinfo() const;

  // What was odd but did not prevent opening, one line each; may quote the vmcore: escape before showing.
  const std::vector<std::string>& warnings() const { return warnings_; }

  // Fills all of `out` with the memory from `physical` on, across segments. kNotFound, with the address, if some byte
  // is not in the file; else the source's error. Safe to call from several threads.
  Result<> ReadPhysical(uint64_t physical, MutableBytes out) const;

  const ByteSource& source() const { return *source_; }
  // The descriptor of /proc/vmcore, whose pages can be mapped. Nothing for other files: one that shrinks while it is
  // mapped kills the reader.
  std::optional<int> mappable_fd() const { return mappable_fd_; }

 private:
  Vmcore(std::unique_ptr<const ByteSource> source, ElfFile elf);
  void ReadNotes();
  Result<> SettlePageSize();
  static Error NoVmcoreinfo();

  std::unique_ptr<const ByteSource> source_;
  ElfFile elf_;
  const TargetMachine* known_machine_;
  TargetFormat format_;
  std::optional<int> mappable_fd_;
  uint64_t page_size_ = 0;
  std::vector<uint8_t> notes_;
  uint32_t cpu_count_ = 0;
  std::optional<Vmcoreinfo> vmcoreinfo_;
  std::vector<std::string> warnings_;
};

}  // namespace crashdump
