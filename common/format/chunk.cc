// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/chunk.h"

#include <algorithm>
#include <cinttypes>

#include "common/base/byte_reader.h"

namespace crashdump {

// The table grows from the front of the buffer (behind room for the prefix), the pages from a fixed place behind the
// largest table. Finish() moves the table up against the pages, so that pages are copied once.
ChunkBuilder::ChunkBuilder(MutableBytes buffer, uint32_t page_bytes)
    : buffer_(buffer),
      page_bytes_(page_bytes),
      runs_(reinterpret_cast<PageRun*>(buffer.data() + sizeof(ChunkPrefix))),
      data_(buffer.data() + (kBufferBytes - uint64_t{MaxPages(page_bytes)} * page_bytes)) {
  static_assert(kMaxRuns <= kChunkMaxRuns && kBufferBytes <= kChunkDataBytes);
  Require(buffer.size() == kBufferBytes);
  Require(IsPowerOfTwo(page_bytes) && page_bytes >= kMinPageBytes && page_bytes <= kMaxPageBytes);
}

ChunkBuilder::Added ChunkBuilder::AddPage(uint64_t pfn, Bytes page) {
  Require(page.size() == page_bytes_);
  if (summary_.data_pages == MaxPages(page_bytes_)) return Added::kFull;
  if (AddRun(pfn, 1, PageKind::kData) == Added::kFull) return Added::kFull;
  memcpy(data_ + uint64_t{summary_.data_pages} * page_bytes_, page.data(), page.size());
  summary_.data_pages += 1;
  return Added::kYes;
}

ChunkBuilder::Added ChunkBuilder::AddZero(uint64_t first_pfn, uint32_t page_count) {
  const Added added = AddRun(first_pfn, page_count, PageKind::kZero);
  if (added == Added::kYes) summary_.zero_pages += page_count;
  return added;
}

ChunkBuilder::Added ChunkBuilder::AddUnreadable(uint64_t first_pfn, uint32_t page_count) {
  const Added added = AddRun(first_pfn, page_count, PageKind::kUnreadable);
  if (added == Added::kYes) summary_.unreadable_pages += page_count;
  return added;
}

ChunkBuilder::Added ChunkBuilder::AddRun(uint64_t first_pfn, uint32_t page_count, PageKind kind) {
  Require(page_count >= 1 && first_pfn < kPfnLimit && page_count <= kPfnLimit - first_pfn);
  const auto extends = [&](const PageRun& run) {
    return run.kind == static_cast<uint32_t>(kind) && run.first_pfn + run.page_count == first_pfn &&
           page_count <= UINT32_MAX - run.page_count;
  };
  if (run_count_ != 0 && extends(runs_[run_count_ - 1])) {
    PageRun& last = runs_[run_count_ - 1];
    last.page_count = last.page_count + page_count;
  } else {
    if (run_count_ == kMaxRuns) return Added::kFull;
    runs_[run_count_++] = {.first_pfn = first_pfn, .page_count = page_count, .kind = static_cast<uint32_t>(kind)};
  }
  const bool first = summary_.end_pfn == 0;
  summary_.first_pfn = first ? first_pfn : std::min(summary_.first_pfn, first_pfn);
  summary_.end_pfn = std::max(summary_.end_pfn, first_pfn + page_count);
  return Added::kYes;
}

Bytes ChunkBuilder::Finish() {
  Require(!empty());
  const uint64_t table = sizeof(ChunkPrefix) + uint64_t{run_count_} * sizeof(PageRun);
  const ChunkPrefix prefix{.run_count = run_count_, .reserved = 0};
  memcpy(buffer_.data(), &prefix, sizeof(prefix));
  uint8_t* begin = data_ - table;
  memmove(begin, buffer_.data(), static_cast<size_t>(table));
  return {begin, static_cast<size_t>(table + uint64_t{summary_.data_pages} * page_bytes_)};
}

void ChunkBuilder::Clear() {
  run_count_ = 0;
  summary_ = {};
}

uint64_t ChunkCompressor::WorkspaceBytes(CompressionLevels levels) {
  return FrameCompressor::WorkspaceBytes(levels, ChunkBuilder::kBufferBytes);
}

Result<ChunkCompressor> ChunkCompressor::Create(CompressionLevels levels) {
  FrameCompressor compressor = TRY(FrameCompressor::Create(levels, ChunkBuilder::kBufferBytes));
  return ChunkCompressor(std::move(compressor));
}

Result<CompressedChunk> ChunkCompressor::Compress(ChunkBuilder& builder, MutableBytes out) {
  const Bytes plain = builder.Finish();
  const Bytes frame = TRY(compressor_.Compress(plain, out), "page chunk of %zu bytes", plain.size());
  return CompressedChunk{.summary = builder.summary(), .plain_length = plain.size(), .frame = frame};
}

ChunkSummary Summarize(std::span<const ChunkRun> runs) {
  ChunkSummary summary{.first_pfn = kPfnLimit};
  for (const ChunkRun& run : runs) {
    summary.first_pfn = std::min(summary.first_pfn, run.first_pfn);
    summary.end_pfn = std::max(summary.end_pfn, run.first_pfn + run.page_count);
    if (run.kind == PageKind::kData) summary.data_pages += run.page_count;
    if (run.kind == PageKind::kZero) summary.zero_pages += run.page_count;
    if (run.kind == PageKind::kUnreadable) summary.unreadable_pages += run.page_count;
  }
  return summary;
}

Result<> ParseChunk(Bytes payload, uint32_t page_bytes, std::vector<ChunkRun>& runs) {
  runs.clear();
  ByteReader reader(payload);
  const auto prefix = TRY(reader.TakeObject<ChunkPrefix>(), "page chunk");
  if (prefix.run_count == 0 || prefix.run_count > kChunkMaxRuns || prefix.reserved != 0) {
    return Error::Format(ErrorCode::kCorrupt, "page chunk: impossible table of %" PRIu32 " runs",
                         uint32_t{prefix.run_count});
  }
  const Bytes table_bytes = TRY(reader.Take(uint64_t{prefix.run_count} * sizeof(PageRun)), "page chunk: table");
  ByteReader table(table_bytes);
  uint64_t data_bytes = 0;
  for (uint32_t i = 0; i < prefix.run_count; ++i) {
    const auto run = TRY(table.TakeObject<PageRun>());
    const uint32_t kind = run.kind;
    if (run.page_count == 0 || run.first_pfn >= kPfnLimit || run.page_count > kPfnLimit - run.first_pfn ||
        kind < static_cast<uint32_t>(PageKind::kData) || kind > static_cast<uint32_t>(PageKind::kUnreadable)) {
      return Error::Format(ErrorCode::kCorrupt,
                           "page chunk: run %" PRIu32 ": %" PRIu32 " pages of kind %" PRIu32
                           " from page frame %#" PRIx64,
                           i, uint32_t{run.page_count}, kind, uint64_t{run.first_pfn});
    }
    ChunkRun parsed{.first_pfn = run.first_pfn, .page_count = run.page_count, .kind = static_cast<PageKind>(kind)};
    if (parsed.kind == PageKind::kData) {
      const uint64_t bytes = uint64_t{parsed.page_count} * page_bytes;
      data_bytes += bytes;
      if (data_bytes > kChunkDataBytes) {
        return Error::Format(ErrorCode::kCorrupt, "page chunk: more than %" PRIu64 " bytes of pages", kChunkDataBytes);
      }
      parsed.data = TRY(reader.Take(bytes), "page chunk: run %" PRIu32, i);
    }
    runs.push_back(parsed);
  }
  if (reader.remaining() != 0) {
    return Error::Format(ErrorCode::kCorrupt, "page chunk: %" PRIu64 " bytes behind the last page", reader.remaining());
  }
  return {};
}

}  // namespace crashdump
