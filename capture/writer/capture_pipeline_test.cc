// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/capture_pipeline.h"

#include <gtest/gtest.h>

#include <map>

#include "common/crypto/crypto.h"
#include "common/format/dump_reader.h"
#include "common/testing/dump_builder.h"
#include "common/testing/kernel_builder.h"
#include "common/testing/sample_vmcore.h"
#include "common/vmcore/open_classifier.h"

namespace crashdump {
namespace {

using testing::KernelBuilder;
using testing::kSampleFirstPfn;
using testing::MakeSampleVmcore;
using testing::OwnedSource;
using testing::SampleVmcore;

// Every page that a dump hands out, by number.
class PageCollector final : public DumpVisitor {
 public:
  Result<> OnSection(ObjectType, Bytes) override { return {}; }
  Result<> OnPages(PageKind kind, uint64_t first_pfn, uint32_t page_count, Bytes data) override {
    for (uint32_t i = 0; i < page_count; ++i) {
      EXPECT_FALSE(kinds.contains(first_pfn + i)) << "a page twice: " << first_pfn + i;
      kinds[first_pfn + i] = kind;
      if (kind != PageKind::kUnreadable) pages[first_pfn + i] = std::vector<uint8_t>(4096);
      if (kind == PageKind::kData) {
        const Bytes page = data.subspan(i * size_t{4096}, 4096);
        pages[first_pfn + i].assign(page.begin(), page.end());
      }
    }
    return {};
  }

  std::map<uint64_t, std::vector<uint8_t>> pages;
  std::map<uint64_t, PageKind> kinds;
};

struct Written {
  PipelineOutcome outcome;
  Result<> finished;
  MemorySink sink;
  DumpCounters counters;
  PageCounts counts;
  std::optional<DumpVerdict> verdict;
  PageCollector found;
};

struct Setup {
  unsigned threads = 1;
  uint32_t level = 1;
  DumpLayout layout = FileLayout(0);
  std::optional<uint64_t> fail_at = std::nullopt;  // operation of the sink
  MemorySink::Fault fault = MemorySink::Fault::kError;
  bool stopped = false;
  PageClassifier* classifier = nullptr;
  std::vector<Range> unreadable = {};  // bytes of the vmcore
};

Written Write(const SampleVmcore& sample, const Setup& setup) {
  EXPECT_TRUE(InitializeCrypto().ok());
  Written written;
  auto source = std::make_unique<OwnedSource>(sample.file);
  for (const Range& range : setup.unreadable) source->FailAt(range);
  const Vmcore vmcore = Vmcore::Open(std::move(source)).TakeValue();
  const PhysicalMemory memory(vmcore);
  KeepEveryPage keep;
  const std::atomic<bool> stop = setup.stopped;
  PageFiller filler = PageFiller::Create(vmcore, memory, setup.classifier != nullptr ? *setup.classifier : keep,
                                         DumpLevel::FromNumber(setup.level).TakeValue())
                          .TakeValue();
  if (setup.fail_at) written.sink.FailAt(*setup.fail_at, setup.fault);
  DumpWriter writer =
      DumpWriter::Create(written.sink, DumpCredentials(), {.layout = setup.layout, .attempt_id = {1}}).TakeValue();
  const auto pipeline =
      CapturePipeline::Create(std::move(filler), {.threads = setup.threads, .progress_milliseconds = 1}, stop)
          .TakeValue();
  EXPECT_EQ(pipeline->threads(), setup.threads);
  const Result<> header = writer.WriteHeader();
  const Result<> flushed = header.ok() ? writer.FlushMessages() : header;
  CaptureProgress last;
  if (flushed.ok()) {
    (void)pipeline->TakeCensus([](const CaptureProgress&) {});
    written.outcome = pipeline->Run(writer, [&](const CaptureProgress& progress) {
      EXPECT_GE(progress.done_bytes, last.done_bytes);
      EXPECT_LE(progress.done_bytes, progress.total_bytes);
      last = progress;
    });
  } else {
    written.outcome = {.result = DumpResult::kWriteError, .error = flushed.error()};
  }
  written.finished = writer.Finish(written.outcome.result, "");
  written.counters = writer.counters();
  written.counts = pipeline->filler().counts();
  if (written.outcome.result == DumpResult::kComplete) {
    EXPECT_EQ(last.done_bytes, last.total_bytes);
    EXPECT_GT(last.done_bytes, 0U);
  }

  const MemorySource dump(written.sink.bytes());
  Result<DumpReader> reader = DumpReader::OpenFile(dump);
  if (reader.ok()) written.verdict = reader.value().Walk(written.found).TakeValue();
  return written;
}

// No page is wrong, however many there are.
void ExpectTruth(const SampleVmcore& sample, const Written& written) {
  for (const auto& [pfn, page] : written.found.pages) {
    ASSERT_TRUE(sample.pages.contains(pfn)) << pfn;
    ASSERT_TRUE(Equal(page, sample.pages.at(pfn))) << "page " << pfn;
  }
}

TEST(CapturePipeline, EveryPageArrivesOnceWithAnyNumberOfThreads) {
  const SampleVmcore sample = MakeSampleVmcore(1500);
  for (unsigned threads = 1; threads <= 4; ++threads) {
    const Written written = Write(sample, {.threads = threads});
    ASSERT_TRUE(written.finished.ok()) << written.finished.error().text();
    EXPECT_EQ(written.outcome.result, DumpResult::kComplete);
    EXPECT_EQ(written.verdict->state, DumpState::kComplete) << written.verdict->reason;
    EXPECT_EQ(written.found.pages.size(), sample.pages.size());
    EXPECT_EQ(written.verdict->zero_pages, sample.zero_pages);
    EXPECT_EQ(CountOf(written.counts, PageClass::kUnclassified), sample.pages.size());
    ExpectTruth(sample, written);
  }
}

TEST(CapturePipeline, TheSameBytesWhateverTheNumberOfThreads) {
  const SampleVmcore sample = MakeSampleVmcore(1000);
  const Written one = Write(sample, {.threads = 1});
  const Written three = Write(sample, {.threads = 3});
  EXPECT_TRUE(Equal(one.sink.bytes(), three.sink.bytes()));
}

TEST(CapturePipeline, LevelZeroStoresZeroPagesAsData) {
  const SampleVmcore sample = MakeSampleVmcore(300);
  const Written written = Write(sample, {.level = 0});
  EXPECT_EQ(written.verdict->state, DumpState::kComplete);
  EXPECT_EQ(written.verdict->zero_pages, 0U);
  EXPECT_EQ(written.verdict->data_pages, sample.pages.size());
  ExpectTruth(sample, written);
}

TEST(CapturePipeline, AFullTargetKeepsWhatPrecedes) {
  const SampleVmcore sample = MakeSampleVmcore(1500);
  for (unsigned threads = 1; threads <= 3; ++threads) {
    DumpLayout layout = FileLayout(4096);
    layout.data.end = layout.data.begin + 700 * kKiB;
    const Written written = Write(sample, {.threads = threads, .layout = layout});
    ASSERT_TRUE(written.finished.ok()) << written.finished.error().text();
    EXPECT_EQ(written.outcome.result, DumpResult::kNoSpace);
    EXPECT_FALSE(written.outcome.error.has_value());
    EXPECT_EQ(written.verdict->state, DumpState::kIncomplete) << written.verdict->reason;
    EXPECT_GT(written.found.pages.size(), 64U);
    EXPECT_LT(written.found.pages.size(), sample.pages.size());
    EXPECT_LE(written.sink.bytes().size(), layout.data.end);
    ExpectTruth(sample, written);
  }
}

TEST(CapturePipeline, UnreadablePagesAreNamedAndTheirNeighboursSaved) {
  const SampleVmcore sample = MakeSampleVmcore(500);
  const uint64_t bad = sample.FileOffset(kSampleFirstPfn + 100);
  const Written written = Write(sample, {.threads = 2, .unreadable = {{bad + 10, bad + 4096 + 10}}});
  ASSERT_TRUE(written.finished.ok());
  EXPECT_EQ(written.outcome.result, DumpResult::kReadErrors);
  EXPECT_EQ(written.verdict->state, DumpState::kIncomplete);
  EXPECT_EQ(written.counters.unreadable_pages, 2U);
  EXPECT_EQ(written.found.kinds.at(kSampleFirstPfn + 100), PageKind::kUnreadable);
  EXPECT_EQ(written.found.kinds.at(kSampleFirstPfn + 101), PageKind::kUnreadable);
  EXPECT_EQ(written.found.pages.size(), sample.pages.size() - 2);
  ExpectTruth(sample, written);
}

TEST(CapturePipeline, AWriteErrorAnywhereEndsItAndLeavesATruePrefix) {
  const SampleVmcore sample = MakeSampleVmcore(1500);
  const uint64_t operations = Write(sample, {}).sink.operations();
  ASSERT_GT(operations, 5U);
  for (const MemorySink::Fault fault : {MemorySink::Fault::kError, MemorySink::Fault::kShort}) {
    for (uint64_t n = 0; n < operations; ++n) {
      const Written written =
          Write(sample, {.threads = 1 + static_cast<unsigned>(n % 3), .fail_at = n, .fault = fault});
      const bool failed = written.outcome.error.has_value() || !written.finished.ok();
      EXPECT_TRUE(failed) << "operation " << n;
      if (written.outcome.error) EXPECT_EQ(written.outcome.result, DumpResult::kWriteError);
      // Half of the trailer's block holds the whole trailer, and the flush behind it may fail.
      if (written.verdict && n + 2 < operations) EXPECT_NE(written.verdict->state, DumpState::kComplete) << n;
      ExpectTruth(sample, written);
    }
  }
}

TEST(CapturePipeline, AStopBeforeTheEndIsRecorded) {
  const SampleVmcore sample = MakeSampleVmcore(300);
  const Written written = Write(sample, {.threads = 2, .stopped = true});
  EXPECT_EQ(written.outcome.result, DumpResult::kStopped);
  EXPECT_EQ(written.verdict->state, DumpState::kIncomplete);
  EXPECT_TRUE(written.found.pages.empty());
}

class EveryFifthIsPoison final : public PageClassifier {
 public:
  const std::vector<std::string>& notes() const override { return notes_; }
  std::vector<std::string> Doubts(const PageCounts&) const override { return {}; }
  void Classify(Range pfns, OpenBlock&, std::span<PageClass> classes) override {
    ASSERT_EQ(pfns.size(), classes.size());
    for (uint64_t pfn = pfns.begin; pfn < pfns.end; ++pfn) {
      classes[static_cast<size_t>(pfn - pfns.begin)] = pfn % 5 == 0 ? PageClass::kNeverRead : PageClass::kKernel;
    }
  }

 private:
  std::vector<std::string> notes_;
};

TEST(CapturePipeline, PagesThatTheLevelLeavesOutAreNeitherReadNorWritten) {
  const SampleVmcore sample = MakeSampleVmcore(1200);
  EveryFifthIsPoison classifier;
  // Reading them would be noticed.
  std::vector<Range> unreadable;
  uint64_t expected = 0;
  for (const auto& [pfn, page] : sample.pages) expected += pfn % 5 == 0 ? 0 : 1;
  for (uint64_t pfn = kSampleFirstPfn; pfn < kSampleFirstPfn + 1200; ++pfn) {
    const uint64_t at = sample.FileOffset(kSampleFirstPfn) + (pfn - kSampleFirstPfn) * 4096;
    if (pfn % 5 == 0) unreadable.push_back({at, at + 4096});
  }
  const Written written = Write(sample, {.threads = 2, .classifier = &classifier, .unreadable = std::move(unreadable)});
  EXPECT_EQ(written.outcome.result, DumpResult::kComplete);
  EXPECT_EQ(written.found.pages.size(), expected);
  EXPECT_EQ(CountOf(written.counts, PageClass::kNeverRead), sample.pages.size() - expected);
  EXPECT_EQ(CountOf(written.counts, PageClass::kKernel), expected);
  ExpectTruth(sample, written);
}

// Every other page is a process's, until some are the kernel's when memory is looked at for the n-th time.
class ChangesItsMind final : public PageClassifier {
 public:
  explicit ChangesItsMind(int looks) : looks_left_(looks) {}
  const std::vector<std::string>& notes() const override { return notes_; }
  std::vector<std::string> Doubts(const PageCounts&) const override { return {}; }
  void Classify(Range pfns, OpenBlock&, std::span<PageClass> classes) override {
    if (pfns.begin == kSampleFirstPfn) --looks_left_;
    for (uint64_t pfn = pfns.begin; pfn < pfns.end; ++pfn) {
      const bool is_user = pfn % 2 == 0 && (looks_left_ >= 0 || pfn % 4 != 0);
      classes[static_cast<size_t>(pfn - pfns.begin)] = is_user ? PageClass::kUser : PageClass::kKernel;
    }
  }

 private:
  int looks_left_;
  std::vector<std::string> notes_;
};

TEST(CapturePipeline, PagesWhoseClassChangesAreNeverWrittenTwiceAndTheDumpSaysSo) {
  const SampleVmcore sample = MakeSampleVmcore(600);
  const auto write = [&](int looks) {
    ChangesItsMind classifier(looks);
    return Write(sample, {.level = 1, .classifier = &classifier});
  };
  const Written same = write(3);
  EXPECT_EQ(same.outcome.result, DumpResult::kComplete);
  EXPECT_EQ(same.found.pages.size(), sample.pages.size());
  for (const int looks : {1, 2}) {
    const Written written = write(looks);
    EXPECT_EQ(written.outcome.result, DumpResult::kReadErrors);
    EXPECT_EQ(written.verdict->state, DumpState::kIncomplete) << written.verdict->reason;
    EXPECT_GE(written.found.pages.size(), 300U);
    EXPECT_LT(written.found.pages.size(), sample.pages.size());
    ExpectTruth(sample, written);
  }
}

// The chunks of a dump in the order of writing, as sets of page frames.
class ChunkOrder final : public DumpVisitor {
 public:
  Result<> OnSection(ObjectType, Bytes) override { return {}; }
  Result<> OnPages(PageKind, uint64_t first_pfn, uint32_t page_count, Bytes) override {
    for (uint32_t i = 0; i < page_count; ++i) pfns.push_back(first_pfn + i);
    return {};
  }
  std::vector<uint64_t> pfns;
};

KernelBuilder MakeMixedMachine() {
  KernelBuilder kernel;
  for (uint64_t pfn = 0; pfn < 1024; pfn += 64) {
    kernel.Free(pfn, 4);
    kernel.Anonymous(pfn + 16, 3);
    kernel.Cache(pfn + 32, 2);
    kernel.PrivateCache(pfn + 40);
  }
  return kernel;
}

TEST(CapturePipeline, WhatTheKernelOwnsComesFirstAtEveryLevel) {
  KernelBuilder kernel = MakeMixedMachine();
  SampleVmcore sample;
  sample.file = kernel.Finish().Build();
  for (uint32_t level = 0; level <= DumpLevel::kMaximum; ++level) {
    SCOPED_TRACE(level);
    const Vmcore vmcore = sample.Open();
    const PhysicalMemory memory(vmcore);
    const OpenedClassifier opened = OpenClassifier(vmcore, memory);
    const Written written = Write(sample, {.threads = 2, .level = level, .classifier = opened.classifier.get()});
    ASSERT_EQ(written.outcome.result, DumpResult::kComplete);
    const std::vector<PageClassSet> order = CaptureOrder(DumpLevel::FromNumber(level).TakeValue());
    EXPECT_EQ(written.outcome.complete_passes, order.size());
    ChunkOrder found;
    const MemorySource dump(written.sink.bytes());
    (void)DumpReader::OpenFile(dump).value().Walk(found).TakeValue();
    uint64_t expected = 0;
    for (const PageClass page_class : kernel.classes()) {
      for (const PageClassSet& classes : order) expected += classes.Contains(page_class) ? 1 : 0;
    }
    ASSERT_EQ(found.pfns.size(), expected);
    size_t pass = 0;
    uint64_t previous = 0;
    for (const uint64_t pfn : found.pfns) {
      while (pass < order.size() && !order[pass].Contains(kernel.classes()[static_cast<size_t>(pfn)])) {
        ++pass;
        previous = 0;
      }
      ASSERT_LT(pass, order.size()) << "page frame " << pfn << " comes too late";
      ASSERT_TRUE(previous == 0 || pfn > previous);
      previous = pfn;
    }
  }
}

TEST(CapturePipeline, WhenSpaceRunsOutTheDumpIsCompleteForTheClassesBefore) {
  KernelBuilder kernel = MakeMixedMachine();
  // What the kernel owns becomes a few KiB, the pages of processes do not compress.
  uint64_t state = 1;
  for (uint64_t pfn = 0; pfn < KernelBuilder::kPages; ++pfn) {
    if (kernel.classes()[static_cast<size_t>(pfn)] != PageClass::kUser) continue;
    for (uint8_t& byte : kernel.Page(pfn)) byte = static_cast<uint8_t>((state = state * 6364136223846793005 + 1) >> 56);
  }
  SampleVmcore sample;
  sample.file = kernel.Finish().Build();
  const Vmcore vmcore = sample.Open();
  const PhysicalMemory memory(vmcore);
  const OpenedClassifier opened = OpenClassifier(vmcore, memory);
  DumpLayout layout = FileLayout(4096);
  layout.data.end = layout.data.begin + 512 * kKiB;
  const Written written = Write(sample, {.threads = 2, .layout = layout, .classifier = opened.classifier.get()});
  EXPECT_EQ(written.outcome.result, DumpResult::kNoSpace);
  EXPECT_EQ(written.outcome.complete_passes, 1U);
  for (uint64_t pfn = 0; pfn < KernelBuilder::kPages; ++pfn) {
    if (kernel.classes()[static_cast<size_t>(pfn)] == PageClass::kKernel)
      EXPECT_TRUE(written.found.pages.contains(pfn)) << pfn;
    if (kernel.classes()[static_cast<size_t>(pfn)] == PageClass::kFree)
      EXPECT_FALSE(written.found.pages.contains(pfn)) << pfn;
  }
}

TEST(CapturePipeline, CanBeDroppedWithoutHavingRun) {
  const SampleVmcore sample = MakeSampleVmcore(20);
  const Vmcore vmcore = sample.Open();
  const PhysicalMemory memory(vmcore);
  KeepEveryPage classifier;
  const std::atomic<bool> stop = false;
  PageFiller filler = PageFiller::Create(vmcore, memory, classifier, DumpLevel::FromNumber(1).TakeValue()).TakeValue();
  EXPECT_TRUE(CapturePipeline::Create(std::move(filler), {.threads = 3}, stop).ok());
}

}  // namespace
}  // namespace crashdump
