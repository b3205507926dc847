// SPDX-License-Identifier: GPL-2.0-or-later
// DumpImage: what a dump holds, learned by one walk over it: what every exporter starts from.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/units.h"
#include "common/format/dump_reader.h"
#include "common/vmcore/target_data.h"

namespace crashdump {

// Pages gone through.
using ExportProgress = std::function<void(uint64_t pages)>;

// Pages may stand in a dump in any order (pass after pass, each ascending); here they are in the order of their
// numbers. The rank of a page is the number of pages before it in that order. Memory: 16 bytes per run of pages in a
// chunk, 24 per run of pages in all, 8 per chunk.
class DumpImage {
 public:
  // A PT_LOAD of the original vmcore, of bytes; not empty.
  struct Load {
    Range physical;
    uint64_t virtual_address = 0;
  };
  // Consecutive pages that the dump has.
  struct Run {
    Range pfns;
    uint64_t rank = 0;
  };
  // Consecutive pages of one chunk, or zero pages.
  struct Piece {
    uint64_t first_pfn = 0;
    uint32_t page_count = 0;
    uint32_t chunk = kZeroPages;
  };
  static constexpr uint32_t kZeroPages = UINT32_MAX;

  // Walks over the dump once and verifies it. `reader` must outlive the image. Whatever is damaged is in verdict():
  // what precedes it is in the image. Fails only for facts that cannot be true.
  static Result<DumpImage> Read(DumpReader& reader, const ExportProgress& progress = {});

  const DumpReader& reader() const { return *reader_; }
  const DumpVerdict& verdict() const { return verdict_; }
  uint32_t page_bytes() const { return reader_->header().page_bytes; }

  // Of the crashed machine; without facts x86_64.
  TargetFormat format() const { return format_; }
  // Of the original vmcore's headers, which may be wider than the machine's words.
  WordSize elf_word() const { return elf_word_; }
  uint16_t elf_machine() const { return elf_machine_; }
  // As uname has them; "" if unknown.
  const std::string& release() const { return release_; }
  const std::string& machine_name() const { return machine_name_; }
  uint32_t cpus() const { return cpus_; }  // at least 1
  uint32_t dump_level() const { return dump_level_; }
  // The texts that the walk has found, each up to kSectionMaxBytes: what the verdict is about.
  const DumpSections& sections() const { return sections_; }
  // The contents of the PT_NOTE; of a dump without notes one with VMCOREINFO, if there is that.
  const std::string& notes() const { return notes_; }
  const std::vector<Load>& loads() const { return loads_; }  // in the original's order

  // Ascending, neither touching nor overlapping.
  const std::vector<Run>& runs() const { return runs_; }
  // Ascending; together the same pages as the runs.
  const std::vector<Piece>& pieces() const { return pieces_; }
  // For a ChunkReader.
  uint64_t ChunkOffset(uint32_t chunk) const { return chunks_[chunk]; }
  // Pages with data and zero pages; 0 for a dump of messages only, of which there is nothing to export.
  uint64_t page_count() const { return verdict_.data_pages + verdict_.zero_pages; }
  // What the pages take in the dump, compressed.
  uint64_t stored_bytes() const { return stored_bytes_; }

 private:
  class Collector;

  explicit DumpImage(const DumpReader& reader) : reader_(&reader) {}
  Result<> ReadFacts();
  void SortPages();

  const DumpReader* reader_;
  DumpVerdict verdict_;
  TargetFormat format_;
  WordSize elf_word_ = WordSize::k64;
  uint16_t elf_machine_ = 0;
  std::string release_;
  std::string machine_name_;
  uint32_t cpus_ = 1;
  uint32_t dump_level_ = 0;
  DumpSections sections_;
  std::string notes_;
  std::vector<Load> loads_;
  std::vector<Run> runs_;
  std::vector<Piece> pieces_;
  std::vector<uint64_t> chunks_;
  uint64_t stored_bytes_ = 0;
};

}  // namespace crashdump
