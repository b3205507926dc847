// SPDX-License-Identifier: GPL-2.0-or-later
// Makes dumps in memory with the project's own writer, from a short description, and lists their objects so that a test
// can damage each of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/byte_sink.h"
#include "common/base/byte_source.h"
#include "common/format/dump_reader.h"
#include "common/format/dump_writer.h"
#include "common/format/object.h"

namespace crashdump {

// A target in memory that grows as it is written. It holds the writer to the rules of direct I/O (alignment of offset,
// length and memory) and of the commit order (no block twice), and aborts the test where they are broken.
class MemorySink final : public ByteSink {
 public:
  enum class Fault { kError, kShort };

  Result<> WriteAt(uint64_t offset, Bytes data) override;
  Result<> Flush() override;

  // The n-th operation (writes and flushes together, from 0) fails; a short write leaves its first half behind.
  void FailAt(uint64_t operation, Fault fault);

  const std::vector<uint8_t>& bytes() const { return bytes_; }
  std::vector<uint8_t>& bytes() { return bytes_; }
  uint64_t operations() const { return operations_; }
  // Offsets written and flushes (as nothing), in order.
  const std::vector<std::optional<Range>>& log() const { return log_; }

 private:
  Result<> Step(bool& fails);

  std::vector<uint8_t> bytes_;
  std::vector<bool> written_;  // by block
  std::vector<std::optional<Range>> log_;
  uint64_t operations_ = 0;
  std::optional<uint64_t> fail_at_;
  Fault fault_ = Fault::kError;
};

struct PlannedPages {
  PageKind kind = PageKind::kData;
  uint64_t first_pfn = 0;
  uint32_t page_count = 1;
};

struct DumpPlan {
  DumpCredentials credentials;
  DumpParameters parameters;
  std::string machine_facts = "release=6.1.0-test\nmachine=x86_64\n";
  std::string vmcoreinfo = "OSRELEASE=6.1.0-test\nPAGESIZE=4096\n";
  std::string messages = "[    1.000000] sysrq: Trigger a crash\n[    1.000001] Kernel panic - not syncing\n";
  std::string elf_notes = "not really notes";
  std::string summary = "vm_hwm_bytes=5000000\n";
  std::vector<PlannedPages> pages;
  uint32_t pages_per_chunk = 64;  // data pages after which a chunk ends
  DumpResult result = DumpResult::kComplete;
};

// Keys, key id and region id that follow from `seed`.
DumpCredentials TestCredentials(uint8_t seed);
// The same with a sealed encryption key: what a writer has, and what a reader has.
struct SealedCredentials {
  DumpCredentials writer, reader;
};
SealedCredentials TestSealedCredentials(uint8_t seed);
// A plan with one of each kind of section and `data_pages` data pages in runs, zero pages and unreadable pages between
// them: in a region (attempt 1 or 2 of one slot behind an extent of `extent_bytes`), and in a file.
DumpPlan RegionPlan(uint32_t data_pages, uint64_t extent_bytes, uint32_t attempt = 1);
DumpPlan FilePlan(uint32_t data_pages);
// A copy: credentials are not copied by accident.
DumpPlan CopyPlan(const DumpPlan& plan);

// The contents of a page in these dumps.
std::vector<uint8_t> TestPage(uint64_t pfn, uint32_t page_bytes);

// Runs the writer. Chunks that do not fit end the pages with kNoSpace. The first error of the writer is returned, after
// an attempt to finish.
Result<> WriteDump(const DumpPlan& plan, ByteSink& sink);
// The bytes of a dump that must succeed.
std::vector<uint8_t> BuildDump(const DumpPlan& plan);

struct PlacedObject {
  ObjectType type{};
  uint64_t offset = 0;
  uint64_t bytes = 0;
};
// All objects of a whole dump in the order of their places.
std::vector<PlacedObject> ListObjects(Bytes dump);
// Damages one byte.
inline void FlipBit(std::vector<uint8_t>& dump, uint64_t offset) { dump.at(static_cast<size_t>(offset)) ^= 1; }

// Replaces the payload of the object at `offset` by `change`d bytes of the same plain length and seals it again: a dump
// that is authentic and wrong.
void ResealRaw(std::vector<uint8_t>& dump, const DumpCredentials& credentials, const PlacedObject& object,
               void (*change)(MutableBytes payload));

// Keeps everything that a walk hands out.
class CollectingVisitor final : public DumpVisitor {
 public:
  Result<> OnSection(ObjectType type, Bytes piece) override;
  Result<> OnPages(PageKind kind, uint64_t first_pfn, uint32_t page_count, Bytes data) override;

  std::string section(ObjectType type) const;
  // Whether every page that was handed out is what TestPage() made, and of the planned kind.
  bool PagesAreRight(const DumpPlan& plan) const;
  uint64_t page_count() const { return pages_.size(); }

 private:
  struct Page {
    uint64_t pfn;
    PageKind kind;
    Hash hash;
  };
  std::vector<std::pair<ObjectType, std::string>> sections_;
  std::vector<Page> pages_;
};

}  // namespace crashdump
