// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/chunk.h"

#include <gtest/gtest.h>

#include <random>

#include "common/format/object.h"
#include "common/testing/dump_builder.h"

namespace crashdump {
namespace {

using Added = ChunkBuilder::Added;

class Chunk : public testing::TestWithParam<uint32_t> {
 protected:
  uint32_t page_bytes() const { return GetParam(); }
  uint32_t full() const { return ChunkBuilder::MaxPages(page_bytes()); }

  std::vector<uint8_t> buffer_ = std::vector<uint8_t>(ChunkBuilder::kBufferBytes);
  ChunkBuilder builder_{buffer_, GetParam()};
  std::vector<ChunkRun> runs_;
};

INSTANTIATE_TEST_SUITE_P(PageSizes, Chunk, testing::Values(4096U, 16384U, 65536U));

TEST_P(Chunk, GivesBackWhatWasAdded) {
  EXPECT_TRUE(builder_.empty());
  EXPECT_EQ(builder_.AddPage(7, TestPage(7, page_bytes())), Added::kYes);
  EXPECT_EQ(builder_.AddPage(8, TestPage(8, page_bytes())), Added::kYes);
  EXPECT_EQ(builder_.AddZero(9, 1), Added::kYes);
  EXPECT_EQ(builder_.AddZero(10, 100), Added::kYes);
  EXPECT_EQ(builder_.AddUnreadable(200, 1), Added::kYes);
  EXPECT_EQ(builder_.AddPage(3, TestPage(3, page_bytes())), Added::kYes);
  EXPECT_EQ(builder_.summary().first_pfn, 3U);
  EXPECT_EQ(builder_.summary().end_pfn, 201U);
  EXPECT_EQ(builder_.summary().data_pages, 3U);
  EXPECT_EQ(builder_.summary().zero_pages, 101U);
  EXPECT_EQ(builder_.summary().unreadable_pages, 1U);

  const Bytes payload = builder_.Finish();
  EXPECT_EQ(payload.size(), 8 + 4 * 16 + 3 * page_bytes());
  ASSERT_TRUE(ParseChunk(payload, page_bytes(), runs_).ok());
  ASSERT_EQ(runs_.size(), 4U);
  EXPECT_EQ(runs_[0].first_pfn, 7U);
  EXPECT_EQ(runs_[0].page_count, 2U);
  EXPECT_TRUE(Equal(runs_[0].data.first(page_bytes()), TestPage(7, page_bytes())));
  EXPECT_TRUE(Equal(runs_[0].data.last(page_bytes()), TestPage(8, page_bytes())));
  EXPECT_EQ(runs_[1].kind, PageKind::kZero);
  EXPECT_EQ(runs_[1].page_count, 101U);
  EXPECT_EQ(runs_[2].kind, PageKind::kUnreadable);
  EXPECT_EQ(runs_[3].first_pfn, 3U);
  EXPECT_TRUE(Equal(runs_[3].data, TestPage(3, page_bytes())));
}

TEST_P(Chunk, IsFullOfData) {
  for (uint32_t i = 0; i < full(); ++i) ASSERT_EQ(builder_.AddPage(i, TestPage(i, page_bytes())), Added::kYes);
  EXPECT_EQ(builder_.AddPage(full(), TestPage(full(), page_bytes())), Added::kFull);
  EXPECT_EQ(builder_.summary().data_pages, full());
  EXPECT_EQ(builder_.summary().end_pfn, full());
  // Zero pages need no room for data.
  EXPECT_EQ(builder_.AddZero(full(), 1), Added::kYes);
  EXPECT_TRUE(ParseChunk(builder_.Finish(), page_bytes(), runs_).ok());
  builder_.Clear();
  EXPECT_TRUE(builder_.empty());
  EXPECT_EQ(builder_.summary().data_pages, 0U);
  EXPECT_EQ(builder_.AddPage(full(), TestPage(full(), page_bytes())), Added::kYes);
  ASSERT_TRUE(ParseChunk(builder_.Finish(), page_bytes(), runs_).ok());
  EXPECT_TRUE(Equal(runs_[0].data, TestPage(full(), page_bytes())));
}

TEST_P(Chunk, IsFullOfRuns) {
  for (uint32_t i = 0; i < ChunkBuilder::kMaxRuns; ++i) ASSERT_EQ(builder_.AddZero(uint64_t{2} * i, 1), Added::kYes);
  EXPECT_EQ(builder_.AddZero(5000, 1), Added::kFull);
  EXPECT_EQ(builder_.AddPage(5000, TestPage(1, page_bytes())), Added::kFull);
  EXPECT_EQ(builder_.summary().data_pages, 0U);
  // A page that extends the last run still fits.
  EXPECT_EQ(builder_.AddZero(2 * (ChunkBuilder::kMaxRuns - 1) + 1, 1), Added::kYes);
  EXPECT_TRUE(ParseChunk(builder_.Finish(), page_bytes(), runs_).ok());
  EXPECT_EQ(runs_.size(), ChunkBuilder::kMaxRuns);
}

TEST(ChunkBuilder, RunOfManyPagesDoesNotOverflow) {
  std::vector<uint8_t> buffer(ChunkBuilder::kBufferBytes);
  ChunkBuilder builder(buffer, 4096);
  EXPECT_EQ(builder.AddZero(0, UINT32_MAX), Added::kYes);
  EXPECT_EQ(builder.AddZero(UINT32_MAX, 1), Added::kYes);
  EXPECT_EQ(builder.summary().zero_pages, uint64_t{1} << 32);
  std::vector<ChunkRun> runs;
  ASSERT_TRUE(ParseChunk(builder.Finish(), 4096, runs).ok());
  EXPECT_EQ(runs.size(), 2U);
}

// The memory of a capture worker: builder, compressor and output at level 1.
TEST(ChunkCompressor, WorkerNeedsLittleMemory) {
  const uint64_t bytes =
      ChunkCompressor::WorkspaceBytes(1) + ChunkCompressor::kOutputBytes + ChunkBuilder::kBufferBytes;
  EXPECT_LE(bytes, 12 * kMiB / 10);
  EXPECT_GT(ChunkCompressor::WorkspaceBytes(1), 100 * kKiB);  // not the answer of a failure
}

TEST(ChunkCompressor, WorstCaseFitsTheOutput) {
  std::vector<uint8_t> buffer(ChunkBuilder::kBufferBytes);
  std::vector<uint8_t> out(ChunkCompressor::kOutputBytes);
  EXPECT_EQ(out.size(), MaxStoredLength(buffer.size()));
  ChunkBuilder builder(buffer, 4096);
  ChunkCompressor compressor = ChunkCompressor::Create(1).TakeValue();
  // Nothing compresses, not even the table.
  const auto fill = [&builder] {
    std::minstd_rand generator(1);
    std::vector<uint8_t> page(4096);
    for (uint32_t i = 0; i < ChunkBuilder::kMaxRuns; ++i) {
      const uint64_t pfn = (uint64_t{generator()} << 20) + i;
      for (uint8_t& byte : page) byte = static_cast<uint8_t>(generator() >> 10);
      const Added added = i < ChunkBuilder::MaxPages(4096) ? builder.AddPage(pfn, page)
                                                           : builder.AddZero(pfn, static_cast<uint32_t>(generator()));
      ASSERT_EQ(added, Added::kYes);
    }
  };
  fill();
  const Result<CompressedChunk> chunk = compressor.Compress(builder, out);
  ASSERT_TRUE(chunk.ok()) << chunk.error().text();
  EXPECT_EQ(chunk.value().plain_length, ChunkBuilder::kBufferBytes - 8);  // a table of 4088 bytes
  std::vector<uint8_t> plain(static_cast<size_t>(chunk.value().plain_length));
  ASSERT_TRUE(FrameDecoder::Create().value().Decode(chunk.value().frame, plain).ok());
  builder.Clear();
  fill();
  EXPECT_TRUE(Equal(plain, builder.Finish()));
}

TEST(ParseChunk, RefusesEveryContradiction) {
  std::vector<uint8_t> buffer(ChunkBuilder::kBufferBytes);
  ChunkBuilder builder(buffer, 4096);
  ASSERT_EQ(builder.AddPage(1, TestPage(1, 4096)), Added::kYes);
  ASSERT_EQ(builder.AddZero(9, 3), Added::kYes);
  const Bytes good = builder.Finish();
  std::vector<ChunkRun> runs;
  ASSERT_TRUE(ParseChunk(good, 4096, runs).ok());
  const auto refused = [&](size_t offset, Bytes bytes) {
    std::vector<uint8_t> payload(good.begin(), good.end());
    std::copy(bytes.begin(), bytes.end(), payload.begin() + static_cast<ptrdiff_t>(offset));
    return !ParseChunk(payload, 4096, runs).ok();
  };
  EXPECT_TRUE(refused(0, BytesOf(le32(0))));  // no runs
  EXPECT_TRUE(refused(0, BytesOf(le32(1))));  // bytes left over
  EXPECT_TRUE(refused(0, BytesOf(le32(3))));  // the third run is page data: kind 0 or wrong lengths
  EXPECT_TRUE(refused(0, BytesOf(le32(4097))));
  EXPECT_TRUE(refused(4, BytesOf(le32(1))));          // reserved
  EXPECT_TRUE(refused(8, BytesOf(le64(kPfnLimit))));  // page frame number
  EXPECT_TRUE(refused(8, BytesOf(le64(~uint64_t{0}))));
  EXPECT_TRUE(refused(16, BytesOf(le32(0))));   // empty run
  EXPECT_TRUE(refused(16, BytesOf(le32(2))));   // more pages than bytes
  EXPECT_TRUE(refused(16, BytesOf(le32(65))));  // more than a chunk holds
  EXPECT_TRUE(refused(20, BytesOf(le32(0))));   // kinds
  EXPECT_TRUE(refused(20, BytesOf(le32(4))));
  EXPECT_FALSE(ParseChunk(good.first(good.size() - 1), 4096, runs).ok());
  EXPECT_FALSE(ParseChunk(good.first(20), 4096, runs).ok());
  EXPECT_FALSE(ParseChunk(Bytes{}, 4096, runs).ok());
  EXPECT_FALSE(ParseChunk(good, 16384, runs).ok());  // another page size
}

}  // namespace
}  // namespace crashdump
