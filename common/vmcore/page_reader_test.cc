// SPDX-License-Identifier: GPL-2.0-or-later
// PageReader: windows, bad pages, partial pages, mappings.
#include "common/vmcore/page_reader.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/io.h"
#include "common/testing/vmcore_builder.h"

namespace crashdump {
namespace {

using testing::OwnedSource;
using testing::VmcoreBuilder;

constexpr uint64_t kPage = 4096;

// Pages that tell their pfn in every byte.
std::vector<uint8_t> Pages(Range pfns) {
  std::vector<uint8_t> data;
  for (uint64_t pfn = pfns.begin; pfn < pfns.end; ++pfn) data.resize(data.size() + kPage, static_cast<uint8_t>(pfn));
  return data;
}

VmcoreBuilder TwoRanges() {
  VmcoreBuilder builder;
  builder.AddLoad({.physical = 16 * kPage, .data = Pages({16, 48})})
      .AddLoad({.physical = 60 * kPage, .data = Pages({60, 64})});
  return builder;
}

struct Walk {
  std::vector<uint64_t> good, bad, absent;
  size_t spans = 0;
};

// Reads all of `pfns` and holds every page against its number.
Walk ReadAll(PageReader& reader, Range pfns) {
  Walk walk;
  for (uint64_t pfn = pfns.begin; pfn < pfns.end;) {
    const PageSpan span = reader.Read({pfn, pfns.end});
    ++walk.spans;
    EXPECT_EQ(span.pfns.begin, pfn);
    EXPECT_GT(span.pfns.end, pfn);
    EXPECT_LE(span.pfns.end, pfns.end);
    if (span.state == PageSpan::State::kData) {
      EXPECT_EQ(span.data.size(), span.pfns.size() * kPage);
      EXPECT_TRUE(Equal(span.data, Pages(span.pfns)));
    } else {
      EXPECT_TRUE(span.data.empty());
    }
    for (; pfn < span.pfns.end; ++pfn) {
      auto& list = span.state == PageSpan::State::kData         ? walk.good
                   : span.state == PageSpan::State::kUnreadable ? walk.bad
                                                                : walk.absent;
      list.push_back(pfn);
    }
  }
  return walk;
}

TEST(PageReader, AllPagesThroughSmallWindows) {
  const Vmcore vmcore = Vmcore::Open(TwoRanges().BuildSource()).TakeValue();
  const PhysicalMemory memory(vmcore);
  PageReader reader = PageReader::Create(vmcore, memory, {.read_bytes = 5 * kPage}).TakeValue();
  const Walk walk = ReadAll(reader, {0, 70});
  EXPECT_EQ(walk.good.size(), 36U);
  EXPECT_EQ(walk.absent.size(), 34U);
  EXPECT_TRUE(walk.bad.empty());
  EXPECT_EQ(walk.spans, 3 + 7 + 1U);  // absent 3 times, windows of 5 for 32, one for 4
  EXPECT_EQ(reader.mapped_windows(), 0U);
  EXPECT_FALSE(reader.last_error());
}

TEST(PageReader, BackwardsAndAgain) {
  const Vmcore vmcore = Vmcore::Open(TwoRanges().BuildSource()).TakeValue();
  const PhysicalMemory memory(vmcore);
  PageReader reader = PageReader::Create(vmcore, memory, {.read_bytes = 4 * kPage}).TakeValue();
  for (uint64_t pfn : {47U, 16U, 19U, 17U, 60U, 16U}) EXPECT_EQ(ReadAll(reader, {pfn, pfn + 1}).good.size(), 1U);
}

TEST(PageReader, ABadPageDoesNotTakeItsNeighbours) {
  auto source = TwoRanges().BuildSource();
  const uint64_t first = ElfFile::Read(*source).value().loads()[0].file_offset;
  source->FailAt({first + 4 * kPage + 17, first + 4 * kPage + 18});
  source->FailAt({first + 9 * kPage, first + 11 * kPage});
  const Vmcore vmcore = Vmcore::Open(std::move(source)).TakeValue();
  const PhysicalMemory memory(vmcore);
  for (const uint64_t window : {1U, 3U, 8U, 64U}) {
    PageReader reader = PageReader::Create(vmcore, memory, {.read_bytes = window * kPage}).TakeValue();
    const Walk walk = ReadAll(reader, {16, 48});
    EXPECT_EQ(walk.bad, (std::vector<uint64_t>{20, 25, 26})) << window;
    EXPECT_EQ(walk.good.size(), 29U);
    ASSERT_TRUE(reader.last_error());
    EXPECT_EQ(reader.last_error()->os_error(), EIO);
  }
}

TEST(PageReader, PartialPagesAreFilledWithZeros) {
  VmcoreBuilder builder;
  builder.AddLoad({.physical = kPage + 100, .data = std::vector<uint8_t>(50, 7)})
      .AddLoad({.physical = kPage + 4000, .data = std::vector<uint8_t>(96 + 200, 8)})
      .AddLoad({.physical = 9 * kPage, .data = Pages({9, 10})});
  auto source = builder.BuildSource();
  const uint64_t second = ElfFile::Read(*source).value().loads()[1].file_offset;
  source->FailAt({second + 96, second + 97});
  const Vmcore vmcore = Vmcore::Open(std::move(source)).TakeValue();
  const PhysicalMemory memory(vmcore);
  PageReader reader = PageReader::Create(vmcore, memory).TakeValue();
  // The buffer is not empty before.
  EXPECT_EQ(ReadAll(reader, {9, 10}).good.size(), 1U);
  const PageSpan span = reader.Read({1, 3});
  ASSERT_EQ(span.pfns, (Range{1, 2}));
  ASSERT_EQ(span.state, PageSpan::State::kData);
  std::vector<uint8_t> expected(kPage);
  std::fill_n(expected.begin() + 100, 50, uint8_t{7});
  std::fill_n(expected.begin() + 4000, 96, uint8_t{8});
  EXPECT_TRUE(Equal(span.data, expected));
  EXPECT_EQ(reader.Read({2, 3}).state, PageSpan::State::kUnreadable);
}

TEST(PageReader, WindowsAreMapped) {
  const std::vector<uint8_t> file = TwoRanges().Build();
  const UniqueFd fd(memfd_create("vmcore", MFD_CLOEXEC));
  ASSERT_TRUE(fd.valid() && WriteFull(fd.get(), file).ok());
  // Reads fail, so that every page must come from a mapping.
  auto source = std::make_unique<OwnedSource>(file);
  source->FailAt({ElfFile::Read(*source).value().loads()[0].file_offset, file.size()});
  const Vmcore vmcore = Vmcore::Open(std::move(source)).TakeValue();
  const PhysicalMemory memory(vmcore);
  PageReader reader = PageReader::Create(vmcore, memory, {.map_bytes = 8 * kPage, .map_fd = fd.get()}).TakeValue();
  EXPECT_EQ(ReadAll(reader, {0, 70}).good.size(), 36U);
  EXPECT_EQ(reader.mapped_windows(), 5U);
}

// Where this machine's pages are larger than the crashed one's, a page need not begin where a mapping can.
TEST(PageReader, WindowsNeedNotBeginWhereMappingsDo) {
  constexpr uint64_t kShift = 512;
  std::vector<uint8_t> file = TwoRanges().Build();
  const uint64_t data = ElfFile::Read(MemorySource(file)).value().loads()[0].file_offset;
  const uint64_t headers = kElf64Layout.program_offset.Load(file, ByteOrder::kLittle);
  for (uint64_t load = 1; load <= 2; ++load) {
    const MutableBytes entry = MutableBytes(file).subspan(headers + load * kElf64Layout.program_header_bytes);
    const uint64_t offset = kElf64Layout.file_offset.Load(entry, ByteOrder::kLittle);
    kElf64Layout.file_offset.Store(entry, offset + kShift, ByteOrder::kLittle);
  }
  file.insert(file.begin() + static_cast<ptrdiff_t>(data), kShift, 0);
  const UniqueFd fd(memfd_create("vmcore", MFD_CLOEXEC));
  ASSERT_TRUE(fd.valid() && WriteFull(fd.get(), file).ok());
  auto source = std::make_unique<OwnedSource>(file);
  source->FailAt({data, file.size()});
  const Vmcore vmcore = Vmcore::Open(std::move(source)).TakeValue();
  const PhysicalMemory memory(vmcore);
  PageReader reader = PageReader::Create(vmcore, memory, {.map_bytes = 8 * kPage, .map_fd = fd.get()}).TakeValue();
  EXPECT_EQ(ReadAll(reader, {0, 70}).good.size(), 36U);
  EXPECT_EQ(reader.mapped_windows(), 5U);
}

TEST(PageReader, WhatCannotBeMappedIsRead) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd unmappable(ends[0]), other(ends[1]);
  const Vmcore vmcore = Vmcore::Open(TwoRanges().BuildSource()).TakeValue();
  const PhysicalMemory memory(vmcore);
  PageReader reader = PageReader::Create(vmcore, memory, {.map_fd = unmappable.get()}).TakeValue();
  EXPECT_EQ(ReadAll(reader, {0, 70}).good.size(), 36U);
  EXPECT_EQ(reader.mapped_windows(), 0U);
}

TEST(PageReader, AFileThatShrinksGivesUnreadablePages) {
  char path[] = "/tmp/page-reader-test-XXXXXX";
  const std::vector<uint8_t> file = TwoRanges().Build();
  const UniqueFd fd(mkstemp(path));
  ASSERT_TRUE(fd.valid() && WriteFull(fd.get(), file).ok());
  const Vmcore vmcore = Vmcore::Open(path).TakeValue();
  (void)unlink(path);
  const PhysicalMemory memory(vmcore);
  PageReader reader = PageReader::Create(vmcore, memory).TakeValue();
  ASSERT_EQ(ftruncate(fd.get(), static_cast<off_t>(vmcore.loads()[0].file_offset + 10 * kPage)), 0);
  const Walk walk = ReadAll(reader, {16, 70});
  EXPECT_EQ(walk.good.size(), 10U);
  EXPECT_EQ(walk.bad.size(), 26U);
  EXPECT_EQ(reader.last_error()->code(), ErrorCode::kTruncated);
}

TEST(PageReader, WindowsSmallerThanAPageAreRefused) {
  const Vmcore vmcore = Vmcore::Open(TwoRanges().BuildSource()).TakeValue();
  const PhysicalMemory memory(vmcore);
  EXPECT_FALSE(PageReader::Create(vmcore, memory, {.read_bytes = 4095}).ok());
  EXPECT_FALSE(PageReader::Create(vmcore, memory, {.map_bytes = 0}).ok());
}

}  // namespace
}  // namespace crashdump
