// SPDX-License-Identifier: GPL-2.0-or-later
// ElfExporter: a dump as an ELF vmcore, which crash, drgn, gdb and makedumpfile open as if it were /proc/vmcore.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "recover/dump_image.h"
#include "recover/vmcore_exporter.h"

namespace crashdump {

// The file: ELF header, program headers, notes, then the pages in the order of their numbers, zero pages as holes.
// There is a PT_LOAD for each run of pages and each PT_LOAD of the original vmcore that it lies in, with the original's
// virtual addresses; so the kernel's text, which the original maps twice, is there twice and stored once. Pages that
// the dump does not have, or that were unreadable, are in no PT_LOAD.
class ElfExporter final : public VmcoreExporter {
 public:
  // `image` must outlive the exporter. Fails only if the dump's memory cannot be laid out.
  static Result<ElfExporter> Create(const DumpImage& image, unsigned threads);

  VmcoreFormat format() const override { return VmcoreFormat::kElf; }
  // At most: the size without zero pages.
  uint64_t ExpectedBytes() const override;
  Result<uint64_t> Write(ByteSink& sink, const ExportProgress& progress) const override;

 private:
  struct Segment {
    Range physical;
    uint64_t virtual_address = 0;
    uint64_t file_offset = 0;
  };

  ElfExporter(const DumpImage& image, unsigned threads)
      : image_(&image),
        threads_(threads),
        page_bytes_(image.page_bytes()),
        word_(image.elf_word()),
        loads_(image.loads()) {}

  void AddPagesWithoutLoad();
  Result<> LayOut();
  uint64_t VirtualAddress(const DumpImage::Load& load, uint64_t physical) const;
  // Calls `use` for each PT_LOAD of the file, in order, until it says false.
  void ForEachSegment(const std::function<bool(const Segment&)>& use) const;
  Result<> WriteHeaders(ByteSink& sink) const;

  const DumpImage* image_;
  unsigned threads_;
  uint64_t page_bytes_;
  WordSize word_;
  std::vector<DumpImage::Load> loads_;  // in the original's order, then those of pages without one
  uint64_t segment_count_ = 0;
  uint64_t notes_offset_ = 0;
  uint64_t data_offset_ = 0;
  uint64_t file_bytes_ = 0;
};

}  // namespace crashdump
