// SPDX-License-Identifier: GPL-2.0-or-later
// ElfExporter: a dump as an ELF vmcore, which crash, drgn, gdb and makedumpfile open as if it were /proc/vmcore.
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

// Two walks over the dump: Plan() verifies it and learns which pages there are, Write() copies them. Memory grows with
// the number of runs of pages, not with their size.
//
// The file: ELF header, program headers, notes, then the pages in the order of their numbers, zero pages as holes.
// There is a PT_LOAD for each run of pages and each PT_LOAD of the original vmcore that it lies in, with the original's
// virtual addresses; so the kernel's text, which the original maps twice, is there twice and stored once. Pages that
// the dump does not have, or that were unreadable, are in no PT_LOAD.
class ElfExporter {
 public:
  // Walks over the dump once. `reader` must outlive the exporter. Whatever is damaged is in verdict(): what precedes it
  // can be exported. Fails only if the dump's memory cannot be laid out.
  static Result<ElfExporter> Plan(DumpReader& reader, const ExportProgress& progress = {});

  const DumpVerdict& verdict() const { return verdict_; }
  // The texts that the same walk has found, each up to kSectionMaxBytes: what the verdict is about.
  const DumpSections& sections() const { return sections_; }
  // Pages that the file will have; 0 for a dump of messages only, of which there is nothing to export.
  uint64_t page_count() const { return page_count_; }
  // The file's size.
  uint64_t file_bytes() const { return file_bytes_; }
  // What it needs of the filesystem at most: the size without zero pages.
  uint64_t stored_bytes() const;

  // Writes into `fd`, an empty regular file open for writing. Neither flushes nor closes it. kCorrupt if the dump is
  // not what it was when it was planned; then, as after any error, the file is worthless.
  Result<> Write(int fd, const ExportProgress& progress = {}) const;

 private:
  class Collector;
  class Copier;

  // Consecutive pages, consecutive in the file too.
  struct Run {
    Range pfns;
    uint64_t file_offset = 0;
  };
  // A PT_LOAD of the original, of bytes.
  struct Load {
    Range physical;
    uint64_t virtual_address = 0;
  };
  struct Segment {
    Range physical;
    uint64_t virtual_address = 0;
    uint64_t file_offset = 0;
  };

  ElfExporter(DumpReader& reader, uint32_t page_bytes) : reader_(&reader), page_bytes_(page_bytes) {}

  Result<> ReadFacts();
  void AddPagesWithoutLoad();
  Result<> LayOut();
  // Calls `use` for each PT_LOAD of the file, in order, until it says false.
  void ForEachSegment(const std::function<bool(const Segment&)>& use) const;
  const Run* FindRun(uint64_t pfn) const;
  Result<> WriteHeaders(int fd) const;

  DumpReader* reader_;
  uint32_t page_bytes_;
  DumpVerdict verdict_;
  DumpSections sections_;
  TargetFormat format_;
  uint16_t machine_ = 0;
  std::string notes_;
  std::vector<Load> loads_;  // in the original's order
  std::vector<Run> runs_;    // sorted by pfn, neither touching nor overlapping
  uint64_t page_count_ = 0;
  uint64_t segment_count_ = 0;
  uint64_t notes_offset_ = 0;
  uint64_t data_offset_ = 0;
  uint64_t file_bytes_ = 0;
};

}  // namespace crashdump
