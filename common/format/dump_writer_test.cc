// SPDX-License-Identifier: GPL-2.0-or-later
// What reaches the target, in which order, and what happens when it fails or is full. That it can be read back is
// dump_reader_test.cc's subject.
#include "common/format/dump_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <random>

#include "common/format/dump_reader.h"
#include "common/testing/dump_builder.h"

namespace crashdump {
namespace {

class DumpWriting : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(InitializeCrypto().ok()); }

  static DumpVerdict Verdict(const DumpPlan& plan, Bytes bytes, CollectingVisitor& visitor) {
    const MemorySource source(bytes);
    Result<DumpReader> reader = DumpReader::Open(source, plan.parameters.layout, plan.credentials);
    if (!reader.ok()) return {.reason = reader.error().text()};
    return reader.value().Walk(visitor).TakeValue();
  }
};

std::string Noise(size_t bytes) {
  std::minstd_rand generator(5);
  std::string noise(bytes, ' ');
  for (char& c : noise) c = static_cast<char>(generator() >> 9);
  return noise;
}

// The header is written before the messages, a flush follows them, and only then come pages; the trailer is alone
// behind the flush that makes everything before it safe, and is flushed itself.
TEST_F(DumpWriting, WritesInTheOrderThatMakesItSafe) {
  const DumpPlan plan = RegionPlan(300, 4 * kMiB);
  const DumpLayout& layout = plan.parameters.layout;
  MemorySink sink;
  ASSERT_TRUE(WriteDump(plan, sink).ok());
  const auto& log = sink.log();
  ASSERT_GE(log.size(), 7U);
  EXPECT_EQ(log[0], (Range{layout.header, layout.header + 4096}));
  EXPECT_TRUE(log[1] && layout.messages.Contains(*log[1]));
  EXPECT_EQ(log[2], std::nullopt);
  for (size_t i = 3; i < log.size() - 3; ++i) EXPECT_TRUE(log[i] && layout.data.Contains(*log[i])) << i;
  EXPECT_EQ(log[log.size() - 3], std::nullopt);
  EXPECT_EQ(log[log.size() - 2], (Range{layout.trailer, layout.trailer + 4096}));
  EXPECT_EQ(log[log.size() - 1], std::nullopt);
}

TEST_F(DumpWriting, WritesLargeBatches) {
  DumpPlan plan = RegionPlan(0, 32 * kMiB);
  plan.pages.push_back({.kind = PageKind::kData, .first_pfn = 1, .page_count = 2000});
  MemorySink sink;
  ASSERT_TRUE(WriteDump(plan, sink).ok());
  uint64_t bytes = 0;
  for (const auto& write : sink.log()) bytes += write ? write->size() : 0;
  EXPECT_LE(sink.log().size(), 8 + bytes / (128 * kKiB));
}

TEST_F(DumpWriting, AttemptTwoHasItsOwnPlaces) {
  const DumpPlan first = RegionPlan(10, kMiB, 1);
  const DumpPlan second = RegionPlan(0, kMiB, 2);
  MemorySink sink;  // aborts if a block is written twice
  ASSERT_TRUE(WriteDump(first, sink).ok());
  const std::vector<uint8_t> before = sink.bytes();
  ASSERT_TRUE(WriteDump(second, sink).ok());
  CollectingVisitor visitor;
  EXPECT_EQ(Verdict(first, sink.bytes(), visitor).state, DumpState::kComplete);
  CollectingVisitor messages;
  const DumpVerdict verdict = Verdict(second, sink.bytes(), messages);
  EXPECT_EQ(verdict.state, DumpState::kIncomplete);
  EXPECT_EQ(verdict.reason, "messages only, no pages were written");
  EXPECT_EQ(messages.section(ObjectType::kMessages), second.messages);
  EXPECT_EQ(messages.section(ObjectType::kSummary), second.summary);
}

// An arming without an extent.
TEST_F(DumpWriting, MessagesOnly) {
  DumpPlan plan = RegionPlan(10, 0);
  plan.result = DumpResult::kMessagesOnly;
  ASSERT_TRUE(plan.parameters.layout.data.empty());
  MemorySink sink;
  DumpWriter writer = DumpWriter::Create(sink, plan.credentials, plan.parameters).TakeValue();
  ASSERT_TRUE(writer.WriteHeader().ok());
  ASSERT_TRUE(writer.AppendSection(ObjectType::kMessages, BytesOf(plan.messages)).ok());
  ASSERT_TRUE(writer.FlushMessages().ok());
  EXPECT_EQ(writer.AppendSection(ObjectType::kElfNotes, BytesOf(plan.elf_notes)).error().code(), ErrorCode::kNoSpace);
  const uint8_t frame[] = {1, 2, 3};
  EXPECT_EQ(writer.AppendChunk({.plain_length = 10, .frame = frame}).error().code(), ErrorCode::kNoSpace);
  ASSERT_TRUE(writer.Finish(DumpResult::kMessagesOnly, plan.summary).ok());
  CollectingVisitor visitor;
  EXPECT_EQ(Verdict(plan, sink.bytes(), visitor).state, DumpState::kIncomplete);
  EXPECT_EQ(visitor.section(ObjectType::kMessages), plan.messages);
}

// The room for index and summary is set aside: a full dump still has both and a trailer, and stays within its places.
TEST_F(DumpWriting, FullRangeStillFinishes) {
  for (const uint64_t extent_bytes :
       {4 * kKiB, 64 * kKiB, 96 * kKiB, 100 * kKiB, 104 * kKiB, 200 * kKiB, 1000 * kKiB}) {
    DumpPlan plan = RegionPlan(0, extent_bytes);
    plan.elf_notes = "";
    plan.summary = Noise(kSummaryMaxBytes + 100);
    plan.pages_per_chunk = 1;  // many index entries
    plan.pages.push_back({.kind = PageKind::kData, .first_pfn = 1, .page_count = 5000});
    MemorySink sink;
    ASSERT_TRUE(WriteDump(plan, sink).ok()) << extent_bytes;
    const DumpLayout& layout = plan.parameters.layout;
    for (const auto& write : sink.log()) {
      EXPECT_TRUE(!write || layout.data.Contains(*write) || layout.messages.Contains(*write) ||
                  write->begin == layout.header || write->begin == layout.trailer);
    }
    CollectingVisitor visitor;
    const DumpVerdict verdict = Verdict(plan, sink.bytes(), visitor);
    EXPECT_EQ(verdict.state, DumpState::kIncomplete) << verdict.reason;
    EXPECT_EQ(verdict.reason, "the space for pages was full before all were written");
    EXPECT_TRUE(visitor.PagesAreRight(plan));
    if (extent_bytes >= 104 * kKiB) {
      EXPECT_GT(visitor.page_count(), 0U) << extent_bytes;
      EXPECT_EQ(visitor.section(ObjectType::kSummary).size(), kSummaryMaxBytes);
    }
  }
}

TEST_F(DumpWriting, SectionsThatDoNotFitChangeNothing) {
  const DumpPlan plan = RegionPlan(0, kMiB);
  MemorySink sink;
  DumpWriter writer = DumpWriter::Create(sink, plan.credentials, plan.parameters).TakeValue();
  ASSERT_TRUE(writer.WriteHeader().ok());
  const std::string large = Noise(kSlotMessagesBytes);
  const Result<> refused = writer.AppendSection(ObjectType::kMessages, BytesOf(large));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kNoSpace);
  EXPECT_EQ(writer.counters().objects, 1U);
  ASSERT_TRUE(writer.AppendSection(ObjectType::kMessages, BytesOf(plan.messages)).ok());
  ASSERT_TRUE(writer.FlushMessages().ok());
  EXPECT_EQ(writer.AppendSection(ObjectType::kElfNotes, BytesOf(Noise(kMiB))).error().code(), ErrorCode::kNoSpace);
  ASSERT_TRUE(writer.Finish(DumpResult::kStopped, "").ok());
  CollectingVisitor visitor;
  EXPECT_EQ(Verdict(plan, sink.bytes(), visitor).state, DumpState::kIncomplete);
  EXPECT_EQ(visitor.section(ObjectType::kMessages), plan.messages);
}

// A log that is too large loses whole lines at its front, no more than needed, and the rest fits exactly as promised.
TEST_F(DumpWriting, LogLosesItsOldestLines) {
  const DumpPlan plan = RegionPlan(0, 0);
  const std::string noise = Noise(900'000);
  std::string log;
  for (size_t i = 0; i + 50 < noise.size(); i += 50) {
    std::string line = noise.substr(i, 50);
    std::replace(line.begin(), line.end(), '\n', ' ');
    log += line + "\n";
  }
  MemorySink sink;
  DumpWriter writer = DumpWriter::Create(sink, plan.credentials, plan.parameters).TakeValue();
  ASSERT_TRUE(writer.WriteHeader().ok());
  const uint64_t drop = writer.MessagesToDrop(BytesOf(log), 4096).TakeValue();
  EXPECT_GT(drop, log.size() - kSlotMessagesBytes);
  EXPECT_LT(drop, log.size() - kSlotMessagesBytes + 100 * kKiB);
  EXPECT_EQ(drop % 51, 0U);
  ASSERT_TRUE(
      writer.AppendSection(ObjectType::kMessages, BytesOf(std::string_view(log).substr(static_cast<size_t>(drop))))
          .ok());
  ASSERT_TRUE(writer.AppendSection(ObjectType::kMachineFacts, BytesOf(Noise(3000))).ok());
  ASSERT_TRUE(writer.FlushMessages().ok());
  EXPECT_EQ(writer.MessagesToDrop(BytesOf(log), 0).error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(DumpWriting, LogThatFitsLosesNothing) {
  const DumpPlan plan = RegionPlan(0, 0);
  MemorySink sink;
  DumpWriter writer = DumpWriter::Create(sink, plan.credentials, plan.parameters).TakeValue();
  ASSERT_TRUE(writer.WriteHeader().ok());
  std::string log;
  while (log.size() < 2 * kMiB) log += "[    0.000000] the same line over and over, as logs are\n";
  EXPECT_EQ(writer.MessagesToDrop(BytesOf(log), 4096).TakeValue(), 0U);
  EXPECT_EQ(writer.MessagesToDrop(Bytes{}, 4096).TakeValue(), 0U);
  // Nothing fits, and no line ends.
  const std::string noise(1000, 'x');
  EXPECT_EQ(writer.MessagesToDrop(BytesOf(noise), ~uint64_t{0}).TakeValue(), 1000U);
}

// `save` asks beforehand, and the answer is what is needed, to the block.
TEST_F(DumpWriting, MeasuredMessagesFitExactly) {
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{5000}, size_t{65536}, size_t{65537}, size_t{700'000}}) {
    const std::string noise = Noise(bytes);
    const DumpSection sections[] = {{ObjectType::kMachineFacts, BytesOf(std::string_view("a=b\n"))},
                                    {ObjectType::kMessages, BytesOf(noise)}};
    const uint64_t measured = DumpWriter::MeasureMessages(sections).TakeValue();
    for (const bool exact : {true, false}) {
      DumpParameters parameters;
      parameters.layout = FileLayout(exact ? measured : measured - kDiskUnit);
      MemorySink sink;
      DumpWriter writer = DumpWriter::Create(sink, DumpCredentials{}, parameters).TakeValue();
      ASSERT_TRUE(writer.WriteHeader().ok());
      bool fits = true;
      for (const DumpSection& section : sections)
        fits = fits && writer.AppendSection(section.type, section.contents).ok();
      EXPECT_EQ(fits, exact) << bytes;
    }
  }
}

TEST_F(DumpWriting, CallsOutOfOrderAreRefused) {
  const DumpPlan plan = RegionPlan(0, kMiB);
  MemorySink sink;
  DumpWriter writer = DumpWriter::Create(sink, plan.credentials, plan.parameters).TakeValue();
  const Bytes text = BytesOf(plan.messages);
  const uint8_t frame[] = {1, 2, 3};
  const CompressedChunk chunk{.plain_length = 10, .frame = frame};
  const auto refused = [](const Result<>& result) {
    return !result.ok() && result.error().code() == ErrorCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused(writer.AppendSection(ObjectType::kMessages, text)));
  EXPECT_TRUE(refused(writer.FlushMessages()));
  EXPECT_TRUE(refused(writer.AppendChunk(chunk)));
  EXPECT_TRUE(refused(writer.Finish(DumpResult::kComplete, "")));
  ASSERT_TRUE(writer.WriteHeader().ok());
  EXPECT_TRUE(refused(writer.WriteHeader()));
  EXPECT_TRUE(refused(writer.AppendSection(ObjectType::kElfNotes, text)));
  EXPECT_TRUE(refused(writer.AppendSection(ObjectType::kSummary, text)));
  EXPECT_TRUE(refused(writer.AppendSection(ObjectType::kChunk, text)));
  EXPECT_TRUE(refused(writer.AppendChunk(chunk)));
  ASSERT_TRUE(writer.FlushMessages().ok());
  EXPECT_TRUE(refused(writer.AppendSection(ObjectType::kMessages, text)));
  EXPECT_TRUE(refused(writer.AppendChunk({.plain_length = kChunkMaxPlainBytes + 1, .frame = frame})));
  EXPECT_TRUE(refused(writer.AppendChunk({.plain_length = 10, .frame = {}})));
  ASSERT_TRUE(writer.AppendChunk(chunk).ok());
  EXPECT_TRUE(refused(writer.AppendSection(ObjectType::kElfNotes, text)));
  ASSERT_TRUE(writer.Finish(DumpResult::kComplete, "").ok());
  EXPECT_TRUE(refused(writer.Finish(DumpResult::kComplete, "")));
  EXPECT_TRUE(refused(writer.AppendChunk(chunk)));
}

TEST_F(DumpWriting, RefusesImpossibleParameters) {
  MemorySink sink;
  DumpPlan plan = RegionPlan(0, kMiB);
  plan.parameters.page_bytes = 5000;
  EXPECT_FALSE(DumpWriter::Create(sink, plan.credentials, plan.parameters).ok());
  plan = RegionPlan(0, kMiB);
  plan.parameters.attempt = 3;
  EXPECT_FALSE(DumpWriter::Create(sink, plan.credentials, plan.parameters).ok());
  plan = RegionPlan(0, kMiB);
  plan.parameters.layout.trailer = plan.parameters.layout.header;
  EXPECT_FALSE(DumpWriter::Create(sink, plan.credentials, plan.parameters).ok());
  plan = RegionPlan(0, kMiB);
  plan.credentials.version = 2;
  EXPECT_FALSE(DumpWriter::Create(sink, plan.credentials, plan.parameters).ok());
}

TEST_F(DumpWriting, UnreadablePagesAreToldInTheResult) {
  DumpPlan plan = RegionPlan(5, kMiB);
  plan.pages.push_back({.kind = PageKind::kUnreadable, .first_pfn = 0x9000, .page_count = 2});
  const std::vector<uint8_t> dump = BuildDump(plan);
  CollectingVisitor visitor;
  const DumpVerdict verdict = Verdict(plan, dump, visitor);
  EXPECT_EQ(verdict.state, DumpState::kIncomplete);
  EXPECT_EQ(verdict.reason, "some pages could not be read");
  EXPECT_EQ(verdict.unreadable_pages, 2U);
}

// For every operation of the target that fails, wholly or half-way: the writer says so, writes nothing more but a
// trailer, and what it leaves behind is never taken as complete; what is handed out of it is right.
TEST_F(DumpWriting, EveryFailingOperationIsToldAndLeavesATornDump) {
  DumpPlan plan = RegionPlan(600, 8 * kMiB);
  plan.pages_per_chunk = 20;
  MemorySink whole;
  ASSERT_TRUE(WriteDump(plan, whole).ok());
  for (const MemorySink::Fault fault : {MemorySink::Fault::kError, MemorySink::Fault::kShort}) {
    for (uint64_t n = 0; n < whole.operations(); ++n) {
      MemorySink sink;
      sink.FailAt(n, fault);
      const Result<> written = WriteDump(plan, sink);
      ASSERT_FALSE(written.ok()) << n;
      EXPECT_EQ(written.error().os_error(), EIO) << written.error().text();
      CollectingVisitor visitor;
      sink.bytes().resize(whole.bytes().size());
      const DumpVerdict verdict = Verdict(plan, sink.bytes(), visitor);
      // A trailer that was written, but whose last flush failed, may well be there.
      const bool only_last_flush = n == whole.operations() - 1;
      const bool short_trailer = n == whole.operations() - 2 && fault == MemorySink::Fault::kShort;
      // A trailer block is 4096 bytes, its object 352: half of it is all of it.
      EXPECT_EQ(verdict.state == DumpState::kComplete, only_last_flush || short_trailer) << n << verdict.reason;
      EXPECT_TRUE(visitor.PagesAreRight(plan)) << n;
      uint64_t operations_after = sink.operations() - n - 1;
      EXPECT_LE(operations_after, 3U) << n;  // flush, trailer, flush
    }
  }
}

// After a failure nothing is written but what Finish() is asked for.
TEST_F(DumpWriting, FailedTargetIsLeftAlone) {
  const DumpPlan plan = RegionPlan(0, kMiB);
  MemorySink sink;
  sink.FailAt(1, MemorySink::Fault::kError);
  DumpWriter writer = DumpWriter::Create(sink, plan.credentials, plan.parameters).TakeValue();
  ASSERT_TRUE(writer.WriteHeader().ok());
  EXPECT_FALSE(writer.sink_failed());
  ASSERT_TRUE(writer.AppendSection(ObjectType::kMessages, BytesOf(plan.messages)).ok());
  EXPECT_FALSE(writer.FlushMessages().ok());
  EXPECT_TRUE(writer.sink_failed());
  const uint64_t operations = sink.operations();
  EXPECT_EQ(writer.FlushMessages().error().code(), ErrorCode::kRefused);
  EXPECT_EQ(writer.AppendSection(ObjectType::kMessages, BytesOf(plan.messages)).error().code(), ErrorCode::kRefused);
  EXPECT_EQ(sink.operations(), operations);
  ASSERT_TRUE(writer.Finish(DumpResult::kComplete, "").ok());
  const MemorySource source(sink.bytes());
  const DumpReader reader = DumpReader::Open(source, plan.parameters.layout, plan.credentials).TakeValue();
  ASSERT_TRUE(reader.trailer().has_value());
  EXPECT_EQ(reader.trailer()->result, DumpResult::kWriteError);
}

}  // namespace
}  // namespace crashdump
