// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/page_pipeline.h"

#include <gtest/gtest.h>

#include <map>

#include "common/crypto/crypto.h"
#include "common/testing/dump_builder.h"

namespace crashdump {
namespace {

class PagePipelineTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(InitializeCrypto().ok()); }

  void Open(std::vector<PlannedPages> pages, uint32_t pages_per_chunk = 64) {
    plan_ = FilePlan(0);
    plan_.pages = std::move(pages);
    plan_.pages_per_chunk = pages_per_chunk;
    dump_ = BuildDump(plan_);
    source_.emplace(dump_);
    reader_.emplace(DumpReader::OpenFile(*source_).TakeValue());
    image_.emplace(DumpImage::Read(*reader_).TakeValue());
  }

  // Raw pages by rank; zero pages are empty.
  Result<std::vector<std::vector<uint8_t>>> Collect(unsigned threads) {
    std::vector<std::vector<uint8_t>> pages;
    batches_ = 0;
    const auto write = [&](const PageBatch& batch) -> Result<> {
      ++batches_;
      EXPECT_EQ(batch.first_rank, pages.size());
      EXPECT_FALSE(batch.pages.empty());
      Bytes data = batch.data;
      for (const StoredPage& page : batch.pages) {
        const Bytes stored = data.first(page.bytes);
        pages.emplace_back(stored.begin(), stored.end());
        data = data.subspan(page.bytes);
      }
      EXPECT_TRUE(data.empty());
      return {};
    };
    TRY(WritePages(*image_, {.compression = PageCompression::kNone, .threads = threads}, write, {}));
    return pages;
  }
  void ExpectRight(unsigned threads) {
    const auto pages = Collect(threads);
    ASSERT_TRUE(pages.ok()) << pages.error().text();
    std::map<uint64_t, std::vector<uint8_t>> expected;
    for (const PlannedPages& run : plan_.pages) {
      for (uint64_t pfn = run.first_pfn; pfn < run.first_pfn + run.page_count; ++pfn) {
        if (run.kind == PageKind::kData) expected[pfn] = TestPage(pfn, 4096);
        if (run.kind == PageKind::kZero) expected[pfn] = {};
      }
    }
    ASSERT_EQ(pages.value().size(), expected.size());
    size_t rank = 0;
    for (const auto& [pfn, page] : expected) EXPECT_EQ(pages.value()[rank++], page) << pfn;
  }

  DumpPlan plan_;
  std::vector<uint8_t> dump_;
  std::optional<MemorySource> source_;
  std::optional<DumpReader> reader_;
  std::optional<DumpImage> image_;
  unsigned batches_ = 0;
};

TEST_F(PagePipelineTest, PagesComeInTheOrderOfTheirNumbers) {
  std::vector<PlannedPages> pages;
  for (uint64_t pfn = 900; pfn > 0; pfn -= 3) pages.push_back({PageKind::kData, pfn, 2});
  pages.push_back({PageKind::kZero, 0, 1});
  pages.push_back({PageKind::kUnreadable, 2000, 1});
  pages.push_back({PageKind::kData, 1000, 300});
  Open(pages);
  for (const unsigned threads : {1U, 2U, 7U}) ExpectRight(threads);
}

TEST_F(PagePipelineTest, AlternatingPassesAreReadChunkByChunk) {
  std::vector<PlannedPages> pages;
  for (uint64_t pass = 0; pass < 3; ++pass) {
    for (uint64_t pfn = pass; pfn < 1500; pfn += 3) pages.push_back({PageKind::kData, pfn, 1});
  }
  Open(pages, 10);
  ExpectRight(2);
}

TEST_F(PagePipelineTest, LongRunsOfZeroPagesAreCut) {
  Open({{PageKind::kZero, 0, 20000}, {PageKind::kData, 20000, 1}, {PageKind::kZero, 30000, 4096}});
  ExpectRight(2);
  EXPECT_GE(batches_, 5U);
}

TEST_F(PagePipelineTest, WholeChunksMakeABatch) {
  Open({{PageKind::kData, 0, 20 * ChunkBuilder::MaxPages(4096)}});
  ExpectRight(1);
  EXPECT_EQ(batches_, 10U);
  // Chunks that are not full are not torn apart either.
  Open({{PageKind::kData, 0, 600}}, 60);
  ExpectRight(1);
  EXPECT_EQ(batches_, 5U);
}

TEST_F(PagePipelineTest, AnErrorOfTheWriterEndsIt) {
  Open({{PageKind::kData, 0, 2000}});
  unsigned calls = 0;
  const auto write = [&](const PageBatch&) -> Result<> {
    return ++calls < 3 ? Result<>() : Error::Os(ENOSPC, "write");
  };
  for (const unsigned threads : {1U, 4U}) {
    calls = 0;
    const Result<> written = WritePages(*image_, {.threads = threads}, write, {});
    ASSERT_FALSE(written.ok());
    EXPECT_EQ(written.error().os_error(), ENOSPC);
    EXPECT_EQ(calls, 3U);
  }
}

TEST_F(PagePipelineTest, ADumpThatChangesIsAnError) {
  Open({{PageKind::kData, 0, 2000}});
  std::vector<PlacedObject> chunks;
  for (const PlacedObject& object : ListObjects(dump_)) {
    if (object.type == ObjectType::kChunk) chunks.push_back(object);
  }
  FlipBit(dump_, chunks[20].offset + 200);
  const auto pages = Collect(3);
  ASSERT_FALSE(pages.ok());
  EXPECT_EQ(pages.error().code(), ErrorCode::kCorrupt);
  EXPECT_NE(std::string(pages.error().text()).find("changes while it is read"), std::string::npos);
  EXPECT_EQ(batches_, 10U);  // of two chunks
  FlipBit(dump_, chunks[20].offset + 200);
  ExpectRight(3);
}

TEST_F(PagePipelineTest, ADumpWithoutPagesGivesNone) {
  Open({});
  ExpectRight(2);
  EXPECT_EQ(batches_, 0U);
}

}  // namespace
}  // namespace crashdump
