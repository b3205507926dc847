// SPDX-License-Identifier: GPL-2.0-or-later
// Whole attempts of the capture program on a fake disk: proof, writing, and what recover would find.
#include "capture/writer/capture_run.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "common/base/io.h"
#include "common/base/text_record.h"
#include "common/format/dump_reader.h"
#include "common/storage/bounded_sink.h"
#include "common/storage/target_proof.h"
#include "common/testing/dump_builder.h"
#include "common/testing/sample_vmcore.h"
#include "common/testing/target_builder.h"

namespace crashdump {
namespace {

using testing::MakeSampleVmcore;
using testing::SampleVmcore;

// The region as recover reads it.
class RegionSource final : public ByteSource {
 public:
  RegionSource(const FakeBlockDevice& device, const Range& region) : device_(device), region_(region) {}
  Result<> ReadAt(uint64_t offset, MutableBytes out) const override {
    return device_.ReadAt(region_.begin + offset, out);
  }
  uint64_t size() const override { return region_.size(); }

 private:
  const FakeBlockDevice& device_;
  Range region_;
};

class CaptureRunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(InitializeCrypto().ok());
    target_ = TargetBuilder().Build();
    status_fd_.Reset(memfd_create("status", MFD_CLOEXEC));
    ASSERT_TRUE(status_fd_.valid());
    arming_.credentials = TestCredentials(7);
    arming_.slot_offset = target_.region().Slot(target_.description.slot).begin;
    arming_.extent = target_.description.extent();
    arming_.seed = Key::Generate().TakeValue();
  }

  Result<WriteDumpOutcome> Attempt(unsigned attempt, unsigned threads = 2) {
    const Result<> proof = Prove(target_.description, *target_.device, target_.identity, attempt);
    if (!proof.ok()) return proof.error();
    BoundedSink sink = BoundedSink::Create(*target_.device, target_.description, attempt).TakeValue();
    const Vmcore vmcore = sample_.Open();
    const PhysicalMemory memory(vmcore);
    KeepEveryPage classifier;
    const CaptureOptions options = {.attempt = attempt, .threads = threads, .level = level_};
    const std::atomic<bool> stop = false;
    Result<WriteDumpOutcome> outcome = RunCapture({.vmcore = vmcore, .memory = memory, .classifier = classifier},
                                                  GatherContents(vmcore, memory, level_, kCaptureLogBytes), arming_,
                                                  sink, options, stop, StatusReporter(status_fd_.get()));
    if (outcome.ok()) ReportResult(outcome.value(), StatusReporter(status_fd_.get()));
    return outcome;
  }

  struct Found {
    DumpVerdict verdict;
    CollectingVisitor visitor;
  };
  std::optional<Found> Recover(unsigned attempt) {
    const RegionSource source(*target_.device, target_.stamp.region);
    Result<DumpReader> reader = DumpReader::Open(source, arming_.Layout(attempt), arming_.credentials);
    if (!reader.ok()) return std::nullopt;
    Found found;
    found.verdict = reader.value().Walk(found.visitor).TakeValue();
    return found;
  }

  std::string Status() const {
    std::array<char, 16384> text{};
    const ssize_t got = pread(status_fd_.get(), text.data(), text.size(), 0);
    return {text.data(), static_cast<size_t>(std::max<ssize_t>(got, 0))};
  }

  const SampleVmcore sample_ = MakeSampleVmcore(400);
  const DumpLevel level_ = DumpLevel::FromNumber(1).TakeValue();
  BuiltTarget target_;
  KeyArming arming_;
  UniqueFd status_fd_;
};

TEST_F(CaptureRunTest, ACrashIsSavedAndNothingElseIsTouched) {
  target_.description.extents[0].range.end = target_.description.extents[0].range.begin + 8 * kMiB;
  arming_.extent = target_.description.extent();
  const SparseImage before = target_.device->Snapshot();
  const Result<WriteDumpOutcome> outcome = Attempt(1);
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  EXPECT_EQ(outcome.value().result, DumpResult::kComplete);

  const std::optional<Found> found = Recover(1);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->verdict.state, DumpState::kComplete) << found->verdict.reason;
  EXPECT_EQ(found->verdict.data_pages + found->verdict.zero_pages, sample_.pages.size());
  EXPECT_NE(found->visitor.section(ObjectType::kMessages).find(sample_.last_message), std::string::npos);
  EXPECT_FALSE(found->visitor.section(ObjectType::kElfNotes).empty());
  EXPECT_NE(found->visitor.section(ObjectType::kVmcoreinfo).find("OSRELEASE=6.1.0-test"), std::string::npos);
  const TextRecord facts = TextRecord::Parse(found->visitor.section(ObjectType::kMachineFacts)).TakeValue();
  EXPECT_EQ(facts.Text("release").value(), "6.1.0-test");
  EXPECT_EQ(facts.Number("crash_time").value(), 1700000000U);
  EXPECT_EQ(facts.Number("cpus").value(), 2U);
  EXPECT_EQ(facts.FindAll("load").size(), 4U);
  const TextRecord summary = TextRecord::Parse(found->visitor.section(ObjectType::kSummary)).TakeValue();
  EXPECT_GT(summary.Number("vm_hwm_kib").value(), 0U);

  const uint64_t region = target_.stamp.region.begin;
  const Range slot = target_.region().Slot(0);
  const std::vector<Range> allowed = {{region + slot.begin, region + slot.end},
                                      {region + arming_.extent.begin, region + arming_.extent.end}};
  EXPECT_EQ(target_.device->Snapshot().FirstDifference(before, target_.device->size(), allowed),
            target_.device->size());
  EXPECT_NE(Status().find("messages-safe\nstage count\n"), std::string::npos) << Status();
  EXPECT_NE(Status().find("result complete "), std::string::npos) << Status();
}

TEST_F(CaptureRunTest, TooSmallAnExtentGivesAMarkedPrefix) {
  target_.description.extents[0].range.end = target_.description.extents[0].range.begin + 320 * kKiB;
  arming_.extent = target_.description.extent();
  const Result<WriteDumpOutcome> outcome = Attempt(1);
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome.value().result, DumpResult::kNoSpace);
  const std::optional<Found> found = Recover(1);
  EXPECT_EQ(found->verdict.state, DumpState::kIncomplete);
  EXPECT_GT(found->verdict.data_pages, 0U);
  EXPECT_NE(Status().find("result incomplete "), std::string::npos) << Status();
}

TEST_F(CaptureRunTest, AnEmptyExtentTakesTheMessages) {
  target_.description.extents[0].range.end = target_.description.extents[0].range.begin;
  arming_.extent = target_.description.extent();
  const Result<WriteDumpOutcome> outcome = Attempt(1);
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  EXPECT_EQ(outcome.value().result, DumpResult::kMessagesOnly);
  const std::optional<Found> found = Recover(1);
  ASSERT_TRUE(found.has_value());
  EXPECT_NE(found->visitor.section(ObjectType::kMessages).find(sample_.last_message), std::string::npos);
  EXPECT_FALSE(found->visitor.section(ObjectType::kSummary).empty());
  EXPECT_NE(Status().find("result messages-only "), std::string::npos) << Status();
}

TEST_F(CaptureRunTest, AfterAFailedFirstAttemptTheSecondSavesTheMessages) {
  target_.device->FailAt(FakeBlockDevice::Kind::kFlush, 0, FakeBlockDevice::Fault::kError);
  const Result<WriteDumpOutcome> first = Attempt(1);
  ASSERT_FALSE(first.ok());
  EXPECT_EQ(Status().find("messages-safe"), std::string::npos);
  const Result<WriteDumpOutcome> second = Attempt(2);
  ASSERT_TRUE(second.ok()) << second.error().text();
  const std::optional<Found> found = Recover(2);
  ASSERT_TRUE(found.has_value());
  EXPECT_NE(found->visitor.section(ObjectType::kMessages).find(sample_.last_message), std::string::npos);
  EXPECT_EQ(found->verdict.data_pages, 0U);
}

// Whatever write or flush is the last one that works: messages that were reported safe are there, and every page that
// recover gets is a page of this memory.
TEST_F(CaptureRunTest, PowerCutsAtEveryStepKeepWhatWasReportedSafe) {
  uint64_t steps = 0;
  for (bool cut = true; cut; ++steps) {
    SetUp();
    PowerSwitch power;
    power.CutAt(steps, PowerSwitch::Moment::kBefore);
    target_.device->ConnectTo(&power);
    (void)Attempt(1, 1);
    cut = !power.on();
    const bool reported_safe = Status().find("messages-safe") != std::string::npos;
    FakeBlockDevice after = target_.device->AfterPowerCut(FakeBlockDevice::Survivors::kNone);
    const RegionSource source(after, target_.stamp.region);
    Result<DumpReader> reader = DumpReader::Open(source, arming_.Layout(1), arming_.credentials);
    EXPECT_TRUE(reader.ok() || !reported_safe) << "step " << steps;
    if (!reader.ok()) continue;
    CollectingVisitor visitor;
    const DumpVerdict verdict = reader.value().Walk(visitor).TakeValue();
    if (reported_safe) {
      EXPECT_NE(visitor.section(ObjectType::kMessages).find(sample_.last_message), std::string::npos);
    }
    if (cut) EXPECT_NE(verdict.state, DumpState::kComplete) << "step " << steps;
  }
  EXPECT_GT(steps, 4U);
}

}  // namespace
}  // namespace crashdump
