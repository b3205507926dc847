// SPDX-License-Identifier: GPL-2.0-or-later
// Page chunks: built page by page in a fixed buffer, compressed in fixed memory, and taken apart again.
// A worker thread of capture has one ChunkBuilder, one ChunkCompressor and one output buffer.
#pragma once

#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/format/dump_format.h"
#include "common/format/frame.h"

namespace crashdump {

// What a chunk holds, in pages. All values zero: an empty chunk.
struct ChunkSummary {
  uint64_t first_pfn = 0;  // lowest
  uint64_t end_pfn = 0;    // highest, plus one
  uint32_t data_pages = 0;
  uint64_t zero_pages = 0;
  uint64_t unreadable_pages = 0;
};

// A chunk as the writer takes it. `frame` borrows the compressor's output buffer.
struct CompressedChunk {
  ChunkSummary summary;
  uint64_t plain_length = 0;
  Bytes frame;
};

class ChunkBuilder {
 public:
  enum class Added { kYes, kFull };

  // The largest chunk that is built, table and pages: two of zstd's blocks (128 KiB). The few bytes of a third would
  // cost as much as a sixteenth of the rest (zstd 1.5.7). The format allows more.
  static constexpr uint64_t kBufferBytes = 256 * kKiB;
  // A table of up to the smallest page: 63 pages of 4 KiB with a gap of zero pages behind each need 126 runs.
  static constexpr uint32_t kMaxRuns = (kMinPageBytes - sizeof(ChunkPrefix)) / sizeof(PageRun);
  static constexpr uint32_t MaxPages(uint32_t page_bytes) {
    return static_cast<uint32_t>((kBufferBytes - kMinPageBytes) / page_bytes);
  }

  // Borrows `buffer`, whose size is kBufferBytes. `page_bytes` is a power of two from kMinPageBytes to kMaxPageBytes.
  ChunkBuilder(MutableBytes buffer, uint32_t page_bytes);

  // Each adds pages to the chunk, or nothing at all if it is full: finish it, Clear(), add again. Pages that follow the
  // page added last and are of the same kind extend its run. A page frame number may be added once in a whole dump,
  // and must be below kPfnLimit. kData: `page` has page_bytes bytes and is copied.
  Added AddPage(uint64_t pfn, Bytes page);
  Added AddZero(uint64_t first_pfn, uint32_t page_count);
  Added AddUnreadable(uint64_t first_pfn, uint32_t page_count);

  bool empty() const { return run_count_ == 0; }
  const ChunkSummary& summary() const { return summary_; }

  // The plain payload. Once per chunk, which must not be empty; nothing may be added after it. Valid until Clear().
  Bytes Finish();
  // Begins a new chunk.
  void Clear();

 private:
  Added AddRun(uint64_t first_pfn, uint32_t page_count, PageKind kind);

  MutableBytes buffer_;
  uint32_t page_bytes_;
  uint32_t run_count_ = 0;
  PageRun* runs_;  // the table while it grows, at the front of the buffer
  uint8_t* data_;  // the pages, at the end of the buffer
  ChunkSummary summary_;
};

// A compressor for chunks from a ChunkBuilder. All memory is allocated by Create().
class ChunkCompressor {
 public:
  // The size of an output buffer that is always large enough.
  static constexpr uint64_t kOutputBytes = ChunkBuilder::kBufferBytes + ChunkBuilder::kBufferBytes / 256 + 64;

  // Bytes that Create() allocates: what a worker needs in all is this, kOutputBytes and kBufferBytes.
  static uint64_t WorkspaceBytes(CompressionLevels levels);
  static Result<ChunkCompressor> Create(CompressionLevels levels);

  // Of the chunks to come; one of those given to Create(), which begins with the lowest.
  Result<> SetLevel(int level) { return compressor_.SetLevel(level); }

  // Finishes the builder's chunk and compresses it into `out`. The result borrows `out`. The caller clears the builder.
  Result<CompressedChunk> Compress(ChunkBuilder& builder, MutableBytes out);

 private:
  explicit ChunkCompressor(FrameCompressor compressor) : compressor_(std::move(compressor)) {}

  FrameCompressor compressor_;
};

// A run of a chunk that was read. `data` has page_count pages for kData, else it is empty.
struct ChunkRun {
  uint64_t first_pfn = 0;
  uint32_t page_count = 0;
  PageKind kind{};
  Bytes data;
};

ChunkSummary Summarize(std::span<const ChunkRun> runs);

// Takes the plain payload of a chunk apart; the runs borrow `payload`. Checks counts, lengths, kinds and page frame
// numbers (kCorrupt); not whether a page was seen before.
Result<> ParseChunk(Bytes payload, uint32_t page_bytes, std::vector<ChunkRun>& runs);

}  // namespace crashdump
