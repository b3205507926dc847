// SPDX-License-Identifier: GPL-2.0-or-later
// Reading dumps as the writer makes them, whole and torn. Damaged and forged ones are dump_damage_test.cc's subject.
#include "common/format/dump_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "common/testing/dump_builder.h"

namespace crashdump {
namespace {

using std::chrono::milliseconds;

// Fails reads that touch a range.
class FailingSource final : public ByteSource {
 public:
  FailingSource(Bytes bytes, Range bad) : source_(bytes), bad_(bad) {}
  Result<> ReadAt(uint64_t offset, MutableBytes out) const override {
    if (bad_.Overlaps({offset, offset + out.size()})) return Error::Os(EIO, "fake source");
    return source_.ReadAt(offset, out);
  }
  uint64_t size() const override { return source_.size(); }

 private:
  MemorySource source_;
  Range bad_;
};

class DumpReading : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(InitializeCrypto().ok()); }

  static DumpReader OpenRegion(const DumpPlan& plan, const ByteSource& source) {
    return DumpReader::Open(source, plan.parameters.layout, plan.credentials).TakeValue();
  }
  static Result<std::optional<uint64_t>> End(const DumpPlan& plan, const ByteSource& source) {
    return DumpReader::FindEnd(source, plan.parameters.layout, plan.credentials, milliseconds(60'000));
  }
  static PlacedObject Last(Bytes dump, ObjectType type) {
    PlacedObject last;
    for (const PlacedObject& object : ListObjects(dump)) {
      if (object.type == type) last = object;
    }
    Require(last.bytes != 0);
    return last;
  }
};

void ExpectWhole(const DumpPlan& plan, const DumpVerdict& verdict, const CollectingVisitor& visitor) {
  EXPECT_EQ(verdict.state, DumpState::kComplete) << verdict.reason;
  EXPECT_EQ(verdict.reason, "");
  EXPECT_FALSE(verdict.read_error);
  uint64_t pages = 0;
  for (const PlannedPages& run : plan.pages) pages += run.page_count;
  EXPECT_EQ(verdict.data_pages + verdict.zero_pages + verdict.unreadable_pages, pages);
  EXPECT_EQ(visitor.page_count(), pages);
  EXPECT_TRUE(visitor.PagesAreRight(plan));
  EXPECT_EQ(visitor.section(ObjectType::kMachineFacts), plan.machine_facts);
  EXPECT_EQ(visitor.section(ObjectType::kVmcoreinfo), plan.vmcoreinfo);
  EXPECT_EQ(visitor.section(ObjectType::kMessages), plan.messages);
  EXPECT_EQ(visitor.section(ObjectType::kElfNotes), plan.elf_notes);
  EXPECT_EQ(visitor.section(ObjectType::kSummary), plan.summary);
}

TEST_F(DumpReading, RegionDumpComesBackWhole) {
  for (const uint32_t pages : {0U, 1U, 200U}) {
    const DumpPlan plan = RegionPlan(pages, 4 * kMiB);
    const std::vector<uint8_t> dump = BuildDump(plan);
    const MemorySource source(dump);
    DumpReader reader = OpenRegion(plan, source);
    EXPECT_EQ(reader.header().layout, plan.parameters.layout);
    EXPECT_EQ(reader.header().attempt_id, plan.parameters.attempt_id);
    EXPECT_EQ(reader.header().attempt, 1U);
    EXPECT_EQ(reader.header().page_bytes, 4096U);
    EXPECT_EQ(reader.header().crash_time, 1'700'000'000U);
    for (int i = 0; i < 2; ++i) {  // a walk leaves nothing behind
      CollectingVisitor visitor;
      ExpectWhole(plan, reader.Walk(visitor).TakeValue(), visitor);
    }
  }
}

TEST_F(DumpReading, ADumpWithASealedKeyComesBackWholeForThePrivateKey) {
  SealedCredentials credentials = TestSealedCredentials(9);
  DumpPlan plan = RegionPlan(200, 4 * kMiB);
  plan.credentials = credentials.writer.Copy();
  std::vector<uint8_t> dump = BuildDump(plan);
  const MemorySource source(dump);
  const auto open = [&] { return DumpReader::Open(source, plan.parameters.layout, credentials.reader); };
  CollectingVisitor visitor;
  ExpectWhole(plan, open().TakeValue().Walk(visitor).TakeValue(), visitor);
  // The key itself stands nowhere.
  const Bytes key = credentials.writer.encryption_key.bytes();
  EXPECT_EQ(std::search(dump.begin(), dump.end(), key.begin(), key.end()), dump.end());

  credentials.reader.private_key = Key::Generate().TakeValue();
  EXPECT_EQ(open().error().code(), ErrorCode::kCorrupt);
  // A record of the other kind does not take it for its own, nor this kind's record another dump.
  credentials = TestSealedCredentials(9);
  credentials.reader.kind = KeyKind::kPlainFile;
  EXPECT_FALSE(open().ok());
  credentials = TestSealedCredentials(9);
  FlipBit(dump, plan.parameters.layout.header + sizeof(ObjectHeader) + sizeof(HeaderPayload) + 5);
  EXPECT_EQ(open().error().code(), ErrorCode::kNotFound) << "what is sealed is covered by the tag";
  plan.credentials = TestCredentials(9);
  const std::vector<uint8_t> plain = BuildDump(plan);
  EXPECT_FALSE(DumpReader::Open(MemorySource(plain), plan.parameters.layout, credentials.reader).ok());
}

TEST_F(DumpReading, FileDumpComesBackWhole) {
  for (const uint32_t page_bytes : {4096U, 65536U}) {
    DumpPlan plan = FilePlan(100);
    plan.parameters.page_bytes = page_bytes;
    const std::vector<uint8_t> dump = BuildDump(plan);
    const MemorySource source(dump);
    DumpReader reader = DumpReader::OpenFile(source).TakeValue();
    EXPECT_EQ(reader.header().page_bytes, page_bytes);
    CollectingVisitor visitor;
    ExpectWhole(plan, reader.Walk(visitor).TakeValue(), visitor);
  }
}

// Sections larger than one object come back in one piece; more chunks than one index segment holds are all found.
TEST_F(DumpReading, LargeSectionsAndManyChunks) {
  DumpPlan plan = RegionPlan(0, 16 * kMiB);
  plan.messages.clear();
  for (int i = 0; plan.messages.size() < 300'000; ++i)
    plan.messages += "[    0.000000] line " + std::to_string(i) + "\n";
  plan.elf_notes.assign(200'000, 'n');
  plan.pages.push_back({.kind = PageKind::kData, .first_pfn = 5, .page_count = 2500});
  plan.pages_per_chunk = 1;
  const std::vector<uint8_t> dump = BuildDump(plan);
  const MemorySource source(dump);
  DumpReader reader = OpenRegion(plan, source);
  CollectingVisitor visitor;
  const DumpVerdict verdict = reader.Walk(visitor).TakeValue();
  ExpectWhole(plan, verdict, visitor);
  EXPECT_EQ(verdict.chunks, 2500U);
  const DumpSections sections = reader.ReadSections();
  EXPECT_EQ(sections.messages, plan.messages);
  EXPECT_EQ(sections.elf_notes, plan.elf_notes);
  EXPECT_EQ(sections.summary, plan.summary);
  EXPECT_EQ(sections.damage, "");
  ASSERT_TRUE(reader.LoadIndex().ok());
  EXPECT_EQ(reader.end_pfn(), 2505U);
}

TEST_F(DumpReading, VisitorCanStopTheWalk) {
  class Stopper final : public DumpVisitor {
   public:
    Result<> OnSection(ObjectType, Bytes) override { return {}; }
    Result<> OnPages(PageKind, uint64_t, uint32_t, Bytes) override {
      return Error::Format(ErrorCode::kNoSpace, "enough");
    }
  };
  const DumpPlan plan = FilePlan(10);
  const std::vector<uint8_t> dump = BuildDump(plan);
  const MemorySource source(dump);
  Stopper stopper;
  const Result<DumpVerdict> verdict = DumpReader::OpenFile(source).TakeValue().Walk(stopper);
  ASSERT_FALSE(verdict.ok());
  EXPECT_STREQ(verdict.error().text(), "enough");
}

void ExpectPages(const DumpPlan& plan, DumpReader& reader) {
  std::vector<uint8_t> page(plan.parameters.page_bytes);
  for (const PlannedPages& run : plan.pages) {
    for (uint64_t pfn = run.first_pfn; pfn < run.first_pfn + run.page_count; ++pfn) {
      const Result<PageState> state = reader.ReadPage(pfn, page);
      ASSERT_TRUE(state.ok()) << state.error().text();
      switch (run.kind) {
        case PageKind::kData:
          EXPECT_EQ(state.value(), PageState::kData);
          EXPECT_EQ(page, TestPage(pfn, plan.parameters.page_bytes)) << pfn;
          break;
        case PageKind::kZero:
          EXPECT_EQ(state.value(), PageState::kZero);
          EXPECT_TRUE(AllZero(page));
          break;
        case PageKind::kUnreadable:
          EXPECT_EQ(state.value(), PageState::kUnreadable);
          break;
      }
    }
  }
  EXPECT_EQ(reader.ReadPage(0, page).value(), PageState::kAbsent);
  EXPECT_EQ(reader.ReadPage(uint64_t{1} << 60, page).value(), PageState::kAbsent);
}

TEST_F(DumpReading, PagesAreFoundByNumber) {
  DumpPlan plan = RegionPlan(150, 4 * kMiB);
  plan.pages.push_back({.kind = PageKind::kUnreadable, .first_pfn = 0x5000, .page_count = 3});
  plan.pages.push_back({.kind = PageKind::kData, .first_pfn = 0x20, .page_count = 70});  // a later pass, lower pages
  const std::vector<uint8_t> dump = BuildDump(plan);
  const MemorySource source(dump);
  DumpReader reader = OpenRegion(plan, source);
  std::vector<uint8_t> page(4096);
  EXPECT_EQ(reader.ReadPage(1, page).error().code(), ErrorCode::kInvalidArgument);
  ASSERT_TRUE(reader.LoadIndex().ok());
  EXPECT_EQ(reader.end_pfn(), 0x5003U);
  EXPECT_EQ(reader.ReadPage(1, MutableBytes(page).first(100)).error().code(), ErrorCode::kInvalidArgument);
  ExpectPages(plan, reader);
  // Other uses of the reader in between do not confuse it.
  (void)reader.ReadPage(0x20, page);
  CollectingVisitor visitor;
  ASSERT_TRUE(reader.Walk(visitor).ok());
  ExpectPages(plan, reader);
}

TEST_F(DumpReading, PagesAreFoundWithoutTheIndex) {
  const DumpPlan plan = RegionPlan(150, 4 * kMiB);
  std::vector<uint8_t> dump = BuildDump(plan);
  FlipBit(dump, Last(dump, ObjectType::kIndex).offset + 200);
  const MemorySource source(dump);
  DumpReader reader = OpenRegion(plan, source);
  ASSERT_TRUE(reader.LoadIndex().ok());
  ExpectPages(plan, reader);
}

TEST_F(DumpReading, PageInADamagedChunkIsAnError) {
  const DumpPlan plan = RegionPlan(150, 4 * kMiB);
  std::vector<uint8_t> dump = BuildDump(plan);
  const MemorySource source(dump);
  DumpReader reader = OpenRegion(plan, source);
  ASSERT_TRUE(reader.LoadIndex().ok());
  const PlacedObject chunk = Last(dump, ObjectType::kChunk);
  FlipBit(dump, chunk.offset + 300);
  std::vector<uint8_t> page(4096);
  const Result<PageState> state = reader.ReadPage(reader.end_pfn() - 1, page);
  ASSERT_FALSE(state.ok());
  EXPECT_EQ(state.error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(reader.ReadPage(plan.pages[0].first_pfn, page).value(), PageState::kData);
}

// Cut off at every block: what is handed out is a correct beginning, marked torn, until the trailer is there.
TEST_F(DumpReading, TornAtEveryBlock) {
  DumpPlan plan = RegionPlan(150, 4 * kMiB);
  plan.pages_per_chunk = 20;
  MemorySink sink;
  ASSERT_TRUE(WriteDump(plan, sink).ok());
  // The blocks in the order in which they were written.
  std::vector<uint64_t> blocks;
  for (const auto& write : sink.log()) {
    for (uint64_t block = write ? write->begin : 0; write && block < write->end; block += kDiskUnit)
      blocks.push_back(block);
  }
  std::vector<uint8_t> disk(sink.bytes().size());
  const MemorySource source(disk);
  uint64_t pages_before = 0;
  uint64_t end_before = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    Result<DumpReader> reader = DumpReader::Open(source, plan.parameters.layout, plan.credentials);
    if (i == 0) {
      ASSERT_FALSE(reader.ok());
      EXPECT_EQ(reader.error().code(), ErrorCode::kNotFound);
      EXPECT_EQ(End(plan, source).value(), std::nullopt);
    } else {
      ASSERT_TRUE(reader.ok());
      CollectingVisitor visitor;
      const DumpVerdict verdict = reader.value().Walk(visitor).TakeValue();
      EXPECT_EQ(verdict.state, DumpState::kTorn);
      EXPECT_FALSE(verdict.reason.empty());
      EXPECT_FALSE(verdict.read_error);
      EXPECT_TRUE(visitor.PagesAreRight(plan));
      EXPECT_GE(visitor.page_count(), pages_before);
      EXPECT_TRUE(plan.messages.starts_with(visitor.section(ObjectType::kMessages)));
      pages_before = visitor.page_count();
      const uint64_t end = End(plan, source).value().value();
      EXPECT_GE(end, end_before);
      EXPECT_TRUE(IsAligned(end, kDiskUnit));
      end_before = end;
    }
    std::copy_n(sink.bytes().begin() + static_cast<ptrdiff_t>(blocks[i]), kDiskUnit,
                disk.begin() + static_cast<ptrdiff_t>(blocks[i]));
  }
  EXPECT_GT(pages_before, 0U);
  CollectingVisitor visitor;
  ExpectWhole(plan, OpenRegion(plan, source).Walk(visitor).TakeValue(), visitor);
  EXPECT_EQ(End(plan, source).value().value(), end_before);
}

// A region may hold anything behind the dump: an older dump of another key among it.
TEST_F(DumpReading, LeftoversOfOlderDumpsAreNotTaken) {
  DumpPlan older = RegionPlan(400, 4 * kMiB);
  older.credentials = TestCredentials(9);
  const DumpPlan plan = RegionPlan(100, 4 * kMiB);
  std::vector<uint8_t> disk = BuildDump(older);
  MemorySink sink;
  ASSERT_TRUE(WriteDump(plan, sink).ok());
  for (const auto& write : sink.log()) {
    if (!write || write->begin == plan.parameters.layout.trailer) continue;  // torn: without its trailer
    std::copy_n(sink.bytes().begin() + static_cast<ptrdiff_t>(write->begin), write->size(),
                disk.begin() + static_cast<ptrdiff_t>(write->begin));
  }
  const MemorySource source(disk);
  CollectingVisitor visitor;
  const DumpVerdict verdict = OpenRegion(plan, source).Walk(visitor).TakeValue();
  EXPECT_EQ(verdict.state, DumpState::kTorn);
  EXPECT_TRUE(visitor.PagesAreRight(plan));
  EXPECT_EQ(visitor.section(ObjectType::kMessages), plan.messages);
  EXPECT_EQ(End(older, source).value(), std::nullopt);
}

TEST_F(DumpReading, SectionsOfATornDump) {
  const DumpPlan plan = RegionPlan(10, kMiB);
  std::vector<uint8_t> dump = BuildDump(plan);
  FlipBit(dump, plan.parameters.layout.trailer + 5);
  const MemorySource source(dump);
  // Pages follow in sequence, so that the messages are known to be whole.
  DumpSections sections = OpenRegion(plan, source).ReadSections();
  EXPECT_EQ(sections.messages, plan.messages);
  EXPECT_EQ(sections.elf_notes, plan.elf_notes);
  EXPECT_EQ(sections.summary, "");
  EXPECT_EQ(sections.damage, "");
  // Nothing follows.
  std::fill_n(dump.begin() + static_cast<ptrdiff_t>(plan.parameters.layout.data.begin), 4096, uint8_t{0});
  sections = OpenRegion(plan, source).ReadSections();
  EXPECT_EQ(sections.messages, plan.messages);
  EXPECT_TRUE(sections.damage.starts_with("the end of the messages may be missing: ")) << sections.damage;
}

TEST_F(DumpReading, ReadErrorsAreToldApartFromDamage) {
  const DumpPlan plan = RegionPlan(150, 4 * kMiB);
  const std::vector<uint8_t> dump = BuildDump(plan);
  const DumpLayout& layout = plan.parameters.layout;
  const auto code = [&](Range bad) {
    const FailingSource source(dump, bad);
    const Result<DumpReader> reader = DumpReader::Open(source, layout, plan.credentials);
    return reader.ok() ? std::nullopt : std::optional(reader.error().code());
  };
  EXPECT_EQ(code({layout.header, layout.header + 1}), ErrorCode::kOs);
  EXPECT_EQ(code({layout.trailer, layout.trailer + 1}), std::nullopt);

  const PlacedObject chunk = Last(dump, ObjectType::kChunk);
  for (const uint64_t bad : {chunk.offset, layout.trailer, layout.messages.begin}) {
    const FailingSource source(dump, {bad, bad + 1});
    CollectingVisitor visitor;
    const DumpVerdict verdict = OpenRegion(plan, source).Walk(visitor).TakeValue();
    EXPECT_EQ(verdict.state, DumpState::kTorn);
    EXPECT_TRUE(verdict.read_error);
    EXPECT_NE(verdict.reason.find("fake source: "), std::string::npos) << verdict.reason;
    EXPECT_TRUE(visitor.PagesAreRight(plan));
  }
}

TEST_F(DumpReading, EndIsWhereTheTrailerSays) {
  const DumpPlan plan = RegionPlan(150, 4 * kMiB);
  std::vector<uint8_t> dump = BuildDump(plan);
  const MemorySource source(dump);
  const uint64_t end = End(plan, source).value().value();
  EXPECT_EQ(end, AlignUp(Last(dump, ObjectType::kSummary).offset + 1, kDiskUnit));
  EXPECT_LT(end, plan.parameters.layout.data.end);
  // The trailer needs no walk.
  EXPECT_TRUE(DumpReader::FindEnd(source, plan.parameters.layout, plan.credentials, milliseconds(0)).ok());
}

// Without a trailer the walk decides; when that is not possible nothing is known, and that is an error.
TEST_F(DumpReading, EndWithoutTrailer) {
  const DumpPlan plan = RegionPlan(150, 4 * kMiB);
  const DumpLayout& layout = plan.parameters.layout;
  std::vector<uint8_t> dump = BuildDump(plan);
  const uint64_t whole = End(plan, MemorySource(dump)).value().value();
  FlipBit(dump, layout.trailer + 200);
  const MemorySource source(dump);
  EXPECT_EQ(End(plan, source).value().value(), whole);
  const Result<std::optional<uint64_t>> late = DumpReader::FindEnd(source, layout, plan.credentials, milliseconds(0));
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code(), ErrorCode::kTimeout);
  const PlacedObject chunk = Last(dump, ObjectType::kChunk);
  for (const uint64_t bad : {chunk.offset, layout.trailer, layout.header}) {
    EXPECT_EQ(End(plan, FailingSource(dump, {bad, bad + 1})).error().code(), ErrorCode::kOs);
  }
  // Damaged messages do not hide the pages.
  FlipBit(dump, layout.messages.begin + 3);
  EXPECT_EQ(End(plan, source).value().value(), whole);
  // A dump that ends before its pages occupies nothing of the extent.
  std::fill(dump.begin() + static_cast<ptrdiff_t>(layout.data.begin),
            dump.begin() + static_cast<ptrdiff_t>(layout.data.end), uint8_t{0});
  EXPECT_EQ(End(plan, source).value().value(), layout.data.begin);
}

TEST_F(DumpReading, FilesThatAreNoDumps) {
  const auto code = [](const std::vector<uint8_t>& file) {
    const MemorySource source(file);
    const Result<DumpReader> reader = DumpReader::OpenFile(source);
    return reader.ok() ? std::nullopt : std::optional(reader.error().code());
  };
  EXPECT_EQ(code({}), ErrorCode::kNotFound);
  EXPECT_EQ(code(std::vector<uint8_t>(100'000)), ErrorCode::kNotFound);
  std::vector<uint8_t> dump = BuildDump(FilePlan(10));
  EXPECT_EQ(code(dump), std::nullopt);
  std::vector<uint8_t> newer = dump;
  newer[8] = 2;
  EXPECT_EQ(code(newer), ErrorCode::kUnsupported);
  // A dump from a region is not taken for a file.
  const DumpPlan region = RegionPlan(10, kMiB);
  const std::vector<uint8_t> disk = BuildDump(region);
  std::vector<uint8_t> slot(disk.begin() + static_cast<ptrdiff_t>(region.parameters.layout.header), disk.end());
  EXPECT_EQ(code(slot), ErrorCode::kNotFound);
}

TEST_F(DumpReading, TruncatedFilesAreTorn) {
  const DumpPlan plan = FilePlan(150);
  const std::vector<uint8_t> dump = BuildDump(plan);
  for (size_t bytes = kDiskUnit; bytes < dump.size(); bytes += 1000) {
    const std::vector<uint8_t> cut(dump.begin(), dump.begin() + static_cast<ptrdiff_t>(bytes));
    const MemorySource source(cut);
    CollectingVisitor visitor;
    const DumpVerdict verdict = DumpReader::OpenFile(source).TakeValue().Walk(visitor).TakeValue();
    // The last block may be cut within the zeros behind the last object.
    if (bytes < Last(dump, ObjectType::kSummary).offset) {
      EXPECT_EQ(verdict.state, DumpState::kTorn) << bytes;
    }
    EXPECT_TRUE(visitor.PagesAreRight(plan)) << bytes;
  }
}

}  // namespace
}  // namespace crashdump
