// SPDX-License-Identifier: GPL-2.0-or-later
// DumpReader: reads and verifies one dump, whole or torn. What does not authenticate is never handed out; what precedes
// it is, and the verdict says where it ends. Bounded memory, but for the index and the set of pages seen.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "common/base/byte_source.h"
#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/format/chunk.h"
#include "common/format/dump_credentials.h"
#include "common/format/dump_layout.h"
#include "common/format/object.h"

namespace crashdump {

struct DumpHeader {
  DumpLayout layout;
  DumpId attempt_id{};
  uint32_t attempt = 0;
  uint32_t page_bytes = 0;
  uint64_t crash_time = 0;  // 0 if unknown
};

struct DumpTrailer {
  DumpResult result{};
  uint64_t object_count = 0;
  Hash tags_hash{};
  uint64_t messages_end = 0;
  uint64_t data_end = 0;
  uint64_t last_index_offset = 0;
  uint64_t summary_offset = 0;
  uint64_t chunk_count = 0;
  uint64_t data_pages = 0;
  uint64_t zero_pages = 0;
  uint64_t unreadable_pages = 0;
};

// "complete", "no space" ...
const char* DumpResultName(DumpResult result);

enum class DumpState {
  kComplete,    // authentic to the last object, and the trailer says that nothing is missing
  kIncomplete,  // authentic to the last object, and the trailer says what is missing
  kTorn,        // no authentic trailer, or something before it is missing or damaged
};
const char* DumpStateName(DumpState state);

// What a walk found.
struct DumpVerdict {
  DumpState state = DumpState::kTorn;
  // One clause for people: what is missing or damaged. Empty if complete.
  std::string reason;
  // Where the walk ended: the first byte that holds nothing authentic.
  uint64_t stopped_at = 0;
  // The walk ended at a read error of the source, not at wrong bytes: another try may give more.
  bool read_error = false;
  // What was handed out.
  uint64_t objects = 0;
  uint64_t chunks = 0;
  uint64_t data_pages = 0;
  uint64_t zero_pages = 0;
  uint64_t unreadable_pages = 0;
};

// Receives a dump in the order of writing. An error ends the walk and is returned from it. The bytes are valid during
// the call.
class DumpVisitor {
 public:
  virtual ~DumpVisitor() = default;
  // A piece of a section: kMachineFacts, kVmcoreinfo, kElfNotes, kMessages or kSummary. Pieces follow in order.
  virtual Result<> OnSection(ObjectType type, Bytes piece) = 0;
  // The chunk whose pages come next, and the offset at which a ChunkReader finds it again.
  virtual Result<> OnChunk(uint64_t /*offset*/, const CompressedChunk& /*chunk*/) { return {}; }
  // A run of pages. `data` has page_count pages for kData, else it is empty. Each page comes at most once.
  virtual Result<> OnPages(PageKind kind, uint64_t first_pfn, uint32_t page_count, Bytes data) = 0;
};

// The sections of a dump, each "" if the dump has none.
struct DumpSections {
  std::string machine_facts;
  std::string vmcoreinfo;
  std::string elf_notes;
  std::string messages;
  std::string summary;
  // Empty, or one clause: where damage ended the reading of sections, so that the above may lack something.
  std::string damage;
};

enum class PageState { kAbsent, kData, kZero, kUnreadable };

class DumpReader {
 public:
  // A dump on a disk: everything is dictated by the key record (KeyRecord::credentials, KeyRecord::Layout()).
  // `source` begins at the region's first byte and must outlive the reader; the credentials are copied.
  // kNotFound: the header's block was read and holds no header of this key: there is no such dump.
  // kCorrupt: an authentic header, but of another place or with other places in it. Else: it could not be read.
  static Result<DumpReader> Open(const ByteSource& source, const DumpLayout& layout,
                                 const DumpCredentials& credentials);

  // A dump in a file (key kind none); the places come from its header, bounded by the file's size.
  // kNotFound: the file does not begin with such a header.
  static Result<DumpReader> OpenFile(const ByteSource& source);

  DumpReader(DumpReader&&) noexcept;
  DumpReader& operator=(DumpReader&&) noexcept;
  ~DumpReader();

  const DumpHeader& header() const;
  // The trailer if it is authentic and belongs to the header. That alone does not make the dump complete.
  const std::optional<DumpTrailer>& trailer() const;

  // Reads everything once, from the first object to the last, checks it, and hands it out. Errors are only those of the
  // visitor; whatever is wrong with the dump is in the verdict.
  Result<DumpVerdict> Walk(DumpVisitor& visitor);

  // The sections without a walk over the pages. What is wrong with them is in DumpSections::damage.
  DumpSections ReadSections();

  // Prepares ReadPage(): reads the index, or without a usable one walks over the chunks.
  Result<> LoadIndex();
  // One past the highest page frame number that the index covers.
  uint64_t end_pfn() const;
  // Looks one page up and fills `page` (page_bytes bytes) for kData and kZero. Wants LoadIndex(). kCorrupt if the chunk
  // that should hold it is damaged. Keeps the last chunk, so that neighbours are cheap.
  Result<PageState> ReadPage(uint64_t pfn, MutableBytes page);

  // Up to where a dump occupies its extent, in bytes from the region's first byte, a multiple of kDiskUnit: the end
  // that an authentic trailer states, else where a walk over authentic objects ends. Nothing if there is no dump at
  // all. An error (unreadable, contradictory, kTimeout after `time_limit`) means that nothing is known: the caller
  // takes the whole extent as occupied.
  static Result<std::optional<uint64_t>> FindEnd(const ByteSource& source, const DumpLayout& layout,
                                                 const DumpCredentials& credentials,
                                                 std::chrono::milliseconds time_limit);

 private:
  friend class ChunkReader;
  struct State;
  explicit DumpReader(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

// Reads chunks by their offsets, in any order. Has memory of its own, so that each thread can have one.
class ChunkReader {
 public:
  // What the dump is read from must outlive the reader; `dump` need not.
  static Result<ChunkReader> Create(const DumpReader& dump);

  // The runs of the chunk at an offset from DumpVisitor::OnChunk(), valid until the next call. kCorrupt if there is no
  // authentic chunk (any more).
  Result<std::span<const ChunkRun>> Read(uint64_t offset);

 private:
  ChunkReader(ObjectReader reader, const DumpHeader& header) : reader_(std::move(reader)), header_(header) {}

  ObjectReader reader_;
  DumpHeader header_;
  std::vector<ChunkRun> runs_;
};

}  // namespace crashdump
