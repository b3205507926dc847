// SPDX-License-Identifier: GPL-2.0-or-later
// Publication from the directory's side: names, modes, what is in the way, what interrupted runs left.
#include "recover/publisher.h"

#include <gtest/gtest.h>

#include "common/base/range_source.h"
#include "common/testing/fsynced_directory.h"
#include "common/testing/system_calls.h"
#include "recover/dump_files.h"
#include "recover/dump_report.h"
#include "recover/kdump_file_test.h"
#include "recover/recovery_rig_test.h"

namespace crashdump {
namespace {

constexpr const char* kName = "20231114221320-a1a1a1a1a1a1";

class PublisherTest : public ::testing::Test {
 protected:
  void SetUp() override { rig_.Place(plan_); }
  void TearDown() override { umask(umask_); }

  Result<Published> Publish(uint64_t minimum_free = 0) {
    const RangeSource region(rig_.device(), RecoveryRig::kRegion);
    const auto source = rig_.make_dumps()({}, region, record_)->Open(1).TakeValue();
    Publisher publisher = rig_.OpenPublisher(minimum_free);
    publisher.RemoveLeftovers().TakeValue();
    return publisher.Publish(*source, record_.credentials.key_id);
  }
  void MustPublish() {
    const Result<Published> published = Publish();
    ASSERT_TRUE(published.ok()) << published.error().text();
    EXPECT_EQ(published.value().name, kName);
  }
  // Where `var` is in the place of /var.
  Result<Published> PublishBelow(const FsyncedDirectory& var) {
    const RangeSource region(rig_.device(), RecoveryRig::kRegion);
    const auto source = TRY(MakeLocalDumps(region, record_, {})->Open(1));
    Publisher publisher = TRY(Publisher::Open(var.path() + "/crash", 0, RecoveryRig::Host(), ReportPlace::kApport));
    return publisher.Publish(*source, record_.credentials.key_id);
  }
  void ExpectWhole() const {
    EXPECT_EQ(rig_.Info(kName).state, "complete");
    EXPECT_EQ(rig_.RightPages(kName, plan_).size(), 5U * RecoveryRig::kChunkPages);
    EXPECT_EQ(ReadTextFile(rig_.DumpFile(kName, "dmesg.txt").c_str(), kMiB).value(), plan_.messages);
  }
  unsigned ModeOf(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(lstat(rig_.crash().Path(name).c_str(), &status), 0) << name;
    return status.st_mode & 07777U;
  }

  RecoveryRig rig_;
  const KeyRecord record_ = rig_.AddRecord(7);
  const DumpPlan plan_ = RecoveryRig::PlanFor(record_);
  const std::string below_ = std::string("crash/kernel/dumps/") + kName;
  const mode_t umask_ = umask(022);
};

TEST_F(PublisherTest, ForItsOwnerOnlyWhateverTheUmask) {
  umask(0);
  MustPublish();
  ExpectWhole();
  for (const auto& [name, text] : rig_.Tree()) EXPECT_EQ(ModeOf(name), name.ends_with('/') ? 0700U : 0600U) << name;
  EXPECT_EQ(rig_.Tree().size(), 9U);  // kernel/, dumps/, the dump, its five files, the report once more
  const std::string report = rig_.Reports()[0];
  EXPECT_EQ(report, std::string("linux-image-6.1.0-test-") + kName + ".crash");
  EXPECT_NE(rig_.Tree()[report].find("\nVmCoreDmesg: base64\n"), std::string::npos);
}

TEST_F(PublisherTest, AgainChangesNothing) {
  for (const ReportPlace reports : {ReportPlace::kPrivate, ReportPlace::kApport}) {
    rig_.UseReports(reports);
    MustPublish();
    const auto tree = rig_.Tree();
    const Result<Published> again = Publish();
    ASSERT_TRUE(again.ok());
    EXPECT_FALSE(again.value().is_new);
    EXPECT_EQ(again.value().info.data_pages, 5U * RecoveryRig::kChunkPages);
    EXPECT_EQ(rig_.Tree(), tree);
  }
  EXPECT_TRUE(rig_.Reports().empty()) << "what was published in private stays so";
}

TEST_F(PublisherTest, TheReportIsBesideTheDumpAndOnlyForApportInTheOpen) {
  rig_.UseReports(ReportPlace::kPrivate);
  MustPublish();
  EXPECT_TRUE(rig_.Reports().empty());
  const std::string report = ReadTextFile(rig_.DumpFile(kName, kReportName).c_str(), kMiB).TakeValue();
  EXPECT_NE(report.find("\nCrashdumpDirectory: " + rig_.crash().Path("kernel/dumps/") + kName + "\n"),
            std::string::npos);
  EXPECT_EQ(ModeOf(std::string("kernel/dumps/") + kName + "/" + kReportName), 0600U);
  RecoveryRig other;
  const KeyRecord record = other.AddRecord(7);
  other.Place(RecoveryRig::PlanFor(record));
  other.Recover();
  const auto tree = other.Tree();
  EXPECT_EQ(tree.at(other.Reports().at(0)), tree.at(std::string("kernel/dumps/") + kName + "/" + kReportName));
}

// Who asks for the report of a dump whose report is gone gets the same.
TEST_F(PublisherTest, TheReportFollowsFromWhatIsPublished) {
  DumpPlan plan = CopyPlan(plan_);
  plan.messages = "\x1b[2J and \xff\n";
  rig_.Place(plan);
  MustPublish();
  const std::string messages = ReadTextFile(rig_.DumpFile(kName, "dmesg.txt").c_str(), kMiB).TakeValue();
  EXPECT_EQ(
      FormatDumpReport(RecoveryRig::Host(), rig_.Info(kName), rig_.crash().Path("kernel/dumps/") + kName, messages)
          .value(),
      ReadTextFile(rig_.DumpFile(kName, kReportName).c_str(), kMiB).value());
}

TEST_F(PublisherTest, SaysOnceThatThereIsMore) {
  const auto is_unannounced = [this] { return unlink(rig_.DumpFile(kName, kUnannouncedName).c_str()) == 0; };
  ASSERT_EQ(Publish(UINT64_MAX).value().info.vmcore, VmcoreFile::kPending);
  EXPECT_TRUE(is_unannounced());
  ASSERT_EQ(Publish(UINT64_MAX).value().info.vmcore, VmcoreFile::kPending);
  EXPECT_FALSE(is_unannounced());
  MustPublish();
  EXPECT_TRUE(is_unannounced());
  MustPublish();
  EXPECT_FALSE(is_unannounced());
}

// Whichever read fails, once: nothing is published as if it were all, and another try gives all.
TEST_F(PublisherTest, AReadThatFailsOnceCostsNothing) {
  bool failed = true;
  uint64_t read = 0;
  for (; failed; ++read) {
    PowerSwitch power;
    const FsyncedDirectory var(power);
    rig_.device().ClearLog();
    rig_.device().FailAt(FakeBlockDevice::Kind::kRead, read, FakeBlockDevice::Fault::kError);
    const Result<Published> first = PublishBelow(var);
    failed = rig_.device().CountOf(FakeBlockDevice::Kind::kRead) > read;
    rig_.device().ClearFaults();
    if (first.ok() && !first.value().info.read_error) {
      EXPECT_EQ(*var.DurableFile(below_ + "/dmesg.txt"), plan_.messages) << read;
      EXPECT_EQ(first.value().info.data_pages, 5U * RecoveryRig::kChunkPages) << read;
    }
    const Result<Published> second = PublishBelow(var);
    ASSERT_TRUE(second.ok()) << read << ": " << second.error().text();
    EXPECT_FALSE(second.value().info.read_error) << read;
    EXPECT_EQ(second.value().info.data_pages, 5U * RecoveryRig::kChunkPages) << read;
    EXPECT_EQ(*var.DurableFile(below_ + "/dmesg.txt"), plan_.messages) << read;
  }
  EXPECT_GT(read, 20U);
}

// Wherever a run is killed: what the next one calls published is there after a power cut.
TEST_F(PublisherTest, WhatAKilledRunHasLeftIsFlushedByTheNext) {
  bool killed = true;
  uint64_t step = 0;
  for (; killed; ++step) {
    PowerSwitch power;
    FsyncedDirectory var(power);
    power.AtCut([&var] { var.Freeze(); });
    power.CutAt(step, PowerSwitch::Moment::kBefore);
    (void)PublishBelow(var);
    killed = !power.on();
    power.TurnOn();
    var.Kill();
    ASSERT_TRUE(PublishBelow(var).ok()) << step;
    ASSERT_NE(var.DurableFile(below_ + "/dmesg.txt"), nullptr) << step;
    EXPECT_EQ(*var.DurableFile(below_ + "/dmesg.txt"), plan_.messages) << step;
    EXPECT_NE(var.DurableFile(below_ + "/vmcore"), nullptr) << step;
  }
  EXPECT_GT(step, 8U);
}

TEST_F(PublisherTest, AFormatWithoutAPlaceForTheMachineGivesOurOwnAndSaysSo) {
  DumpPlan plan = CopyPlan(plan_);
  plan.machine_facts += "elf_class=32\nelf_machine=20\n";
  rig_.Place(plan);
  rig_.UseOptions({.format = VmcoreFormat::kKdump});
  MustPublish();
  EXPECT_EQ(rig_.Info(kName).vmcore, VmcoreFile::kPresent);
  EXPECT_EQ(rig_.Info(kName).vmcore_format, "crashdump");
  const std::string vmcore = ReadTextFile(rig_.DumpFile(kName, "vmcore").c_str(), 64 * kMiB).value();
  const MemorySource source(BytesOf(vmcore));
  EXPECT_EQ(DumpReader::OpenFile(source).value().trailer()->data_pages, 5U * RecoveryRig::kChunkPages);
}

TEST_F(PublisherTest, MessagesThatCouldNotBeReadDoNotWaitForRoom) {
  const uint64_t messages = RecoveryRig::kRegion.begin + record_.Layout(1).messages.begin;
  rig_.device().FailReadsIn({messages, messages + 1});
  Result<Published> published = Publish(UINT64_MAX);
  ASSERT_TRUE(published.ok());
  EXPECT_TRUE(published.value().info.read_error);
  EXPECT_EQ(published.value().info.messages_bytes, 0U);
  rig_.device().ClearFaults();
  published = Publish(UINT64_MAX);
  ASSERT_TRUE(published.ok());
  EXPECT_FALSE(published.value().info.read_error);
  EXPECT_EQ(published.value().info.vmcore, VmcoreFile::kPending);
  EXPECT_EQ(ReadTextFile(rig_.DumpFile(kName, "dmesg.txt").c_str(), kMiB).value(), plan_.messages);
  // No room and a read that fails take nothing away, and the pages come with the room.
  rig_.device().FailReadsIn({messages, messages + 1});
  EXPECT_FALSE(Publish(UINT64_MAX).value().is_new);
  rig_.device().ClearFaults();
  MustPublish();
  ExpectWhole();
}

// Pages that are compressed one by one need more than is expected from the dump, where they are compressed together.
TEST_F(PublisherTest, ATryThatDidNotFitIsNotMadeAgainWithNoMoreRoom) {
  rig_.UseOptions({.format = VmcoreFormat::kKdump});
  RecoveryRig other;
  other.UseOptions({.format = VmcoreFormat::kKdump});
  const KeyRecord record = other.AddRecord(7);
  other.Place(RecoveryRig::PlanFor(record));
  other.Recover();
  const uint64_t needed = other.Info(kName).vmcore_bytes;

  const auto publish = [&](uint64_t free_bytes) {
    const FixedFreeSpace space(free_bytes);
    return Publish(0).TakeValue();
  };
  // A try replaces the directory.
  const auto inode = [this] {
    struct stat status {};
    EXPECT_EQ(stat(rig_.DumpFile(kName, "info.json").c_str(), &status), 0);
    return status.st_ino;
  };
  // Less than expected: not tried.
  EXPECT_TRUE(publish(0).is_new);
  EXPECT_EQ(rig_.Info(kName).vmcore_bytes, 0U);
  const ino_t first = inode();
  // More than expected, and too little.
  const uint64_t too_little = AlignDown(needed - needed / 8, 4096);
  const Published tried = publish(too_little);
  EXPECT_EQ(tried.info.vmcore, VmcoreFile::kPending);
  EXPECT_FALSE(tried.is_new);
  EXPECT_GT(rig_.Info(kName).vmcore_bytes, too_little);
  EXPECT_LE(rig_.Info(kName).vmcore_bytes, needed);
  const ino_t second = inode();
  EXPECT_NE(second, first);
  EXPECT_FALSE(publish(too_little).is_new);
  EXPECT_EQ(inode(), second);
  // Another form of it may need less.
  rig_.UseOptions({.format = VmcoreFormat::kCrashdump});
  const Published whole = publish(too_little);
  EXPECT_TRUE(whole.is_new);
  EXPECT_EQ(whole.info.vmcore, VmcoreFile::kPresent);
}

TEST_F(PublisherTest, PagesThatAreGoneAreNotWaitedFor) {
  ASSERT_EQ(Publish(UINT64_MAX).value().info.vmcore, VmcoreFile::kPending);
  const uint64_t data = RecoveryRig::kRegion.begin + record_.Layout(1).data.begin;
  rig_.device().Poke(data, std::vector<uint8_t>(kDiskUnit, 1));
  const Published published = Publish(UINT64_MAX).TakeValue();
  EXPECT_EQ(published.info.vmcore, VmcoreFile::kNone);
  EXPECT_EQ(published.info.state, "torn");
  EXPECT_EQ(ReadTextFile(rig_.DumpFile(kName, "dmesg.txt").c_str(), kMiB).value(), plan_.messages);
  EXPECT_FALSE(Publish().value().is_new);
}

TEST_F(PublisherTest, MessagesThatAreGoneStayPublished) {
  ASSERT_EQ(Publish(UINT64_MAX).value().info.vmcore, VmcoreFile::kPending);
  const DumpLayout layout = record_.Layout(1);
  for (const uint64_t place : {layout.messages.begin, layout.data.begin}) {
    rig_.device().Poke(RecoveryRig::kRegion.begin + place, std::vector<uint8_t>(kDiskUnit, 1));
  }
  // Nothing more will come, with room or without.
  for (const uint64_t minimum_free : {uint64_t{0}, UINT64_MAX}) {
    const Published published = Publish(minimum_free).TakeValue();
    EXPECT_FALSE(published.is_new);
    EXPECT_EQ(published.info.vmcore, VmcoreFile::kNone);
    EXPECT_FALSE(published.info.read_error);
    EXPECT_EQ(ReadTextFile(rig_.DumpFile(kName, "dmesg.txt").c_str(), kMiB).value(), plan_.messages);
  }
}

TEST_F(PublisherTest, TheSameDumpGivesTheSameBytes) {
  MustPublish();
  const auto tree = rig_.Tree();
  RecoveryRig other;
  const KeyRecord record = other.AddRecord(7);
  other.Place(RecoveryRig::PlanFor(record));
  other.Recover();
  for (const auto& [name, text] : other.Tree()) {
    // Reports name the directory, which is another here.
    if (!name.ends_with(".crash")) EXPECT_EQ(tree.at(name), text) << name;
  }
}

TEST_F(PublisherTest, TheSameDumpGivesTheSameBytesInEveryFormat) {
  for (const VmcoreFormat format : {VmcoreFormat::kKdump, VmcoreFormat::kElf, VmcoreFormat::kCrashdump}) {
    std::optional<std::string> expected;
    for (const unsigned threads : {1U, 2U, 5U}) {
      RecoveryRig rig;
      rig.UseOptions({.format = format, .encode = {.compression = PageCompression::kZlib, .threads = threads}});
      const KeyRecord record = rig.AddRecord(7);
      rig.Place(RecoveryRig::PlanFor(record));
      rig.Recover();
      const DumpInfo info = rig.Info(kName);
      EXPECT_EQ(info.vmcore_format, VmcoreFormatName(format));
      const std::string vmcore = ReadTextFile(rig.DumpFile(kName, "vmcore").c_str(), 64 * kMiB).TakeValue();
      EXPECT_EQ(vmcore.size(), info.vmcore_bytes);
      if (!expected) expected = vmcore;
      EXPECT_TRUE(vmcore == *expected) << VmcoreFormatName(format) << threads;
    }
  }
}

TEST_F(PublisherTest, KdumpByDefaultWithEveryPage) {
  rig_.UseOptions({});
  MustPublish();
  const std::string vmcore = ReadTextFile(rig_.DumpFile(kName, "vmcore").c_str(), 64 * kMiB).TakeValue();
  const KdumpFile file({vmcore.begin(), vmcore.end()}, TargetFormat());
  EXPECT_EQ(file.status, 0x20U);
  for (const PlannedPages& run : plan_.pages) {
    for (uint64_t pfn = run.first_pfn; pfn < run.first_pfn + run.page_count; ++pfn) {
      const auto page = file.ReadPage(pfn);
      ASSERT_TRUE(page) << pfn;
      const bool is_zero = run.kind == PageKind::kZero;
      EXPECT_EQ(*page, is_zero ? std::vector<uint8_t>(4096) : TestPage(pfn, 4096)) << pfn;
    }
  }
  EXPECT_EQ(file.pages.size(), 5U * RecoveryRig::kChunkPages + 7);
}

TEST_F(PublisherTest, TellsHowFarItIsInBytesOfBothTimes) {
  std::vector<uint64_t> told;
  uint64_t last_total = 0;
  PublishOptions options;
  options.progress = [&](uint64_t done, uint64_t total) {
    told.push_back(done);
    last_total = total;
  };
  rig_.UseOptions(options);
  MustPublish();
  ASSERT_GT(told.size(), 2U);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_EQ(told.back(), 2U * (5 * RecoveryRig::kChunkPages + 7) * RecoveryRig::kPage);
  EXPECT_EQ(last_total, told.back());
}

TEST_F(PublisherTest, AnotherFormatDoesNotPublishAgain) {
  MustPublish();
  const auto tree = rig_.Tree();
  rig_.UseOptions({.format = VmcoreFormat::kKdump});
  MustPublish();
  EXPECT_EQ(rig_.Tree(), tree);
}

// What a run leaves that is interrupted in the middle of any file, before or after any step.
TEST_F(PublisherTest, FinishesWhatAnInterruptedRunBegan) {
  MustPublish();
  const auto tree = rig_.Tree();
  const std::string done = rig_.crash().Path(std::string("kernel/dumps/") + kName);
  const std::string unfinished = rig_.crash().Path(std::string("kernel/dumps/.incoming-") + kName);
  for (const char* const missing : {"info.json", "vmcore", "dmesg.txt"}) {
    for (const bool half : {false, true}) {
      for (const bool with_report : {false, true}) {
        SCOPED_TRACE(testing::Message() << missing << half << with_report);
        ASSERT_EQ(rename(done.c_str(), unfinished.c_str()), 0);
        const std::string file = unfinished + "/" + missing;
        ASSERT_EQ(half ? truncate(file.c_str(), 10) : unlink(file.c_str()), 0);
        if (!with_report) ASSERT_EQ(unlink(rig_.crash().Path(rig_.Reports()[0]).c_str()), 0);
        MustPublish();
        EXPECT_EQ(rig_.Tree(), tree);
      }
    }
  }
  // Interrupted behind the exchange that completes an earlier stage.
  ASSERT_EQ(mkdir(unfinished.c_str(), 0700), 0);
  rig_.crash().WriteFile(std::string("kernel/dumps/.incoming-") + kName + "/dmesg.txt", "the earlier stage");
  MustPublish();
  EXPECT_EQ(rig_.Tree(), tree);
}

TEST_F(PublisherTest, ADirectoryThatIsNotThisDumpIsKeptAside) {
  MustPublish();
  // An administrator's own, or a file system check's.
  ASSERT_EQ(unlink(rig_.DumpFile(kName, "vmcore").c_str()), 0);
  rig_.crash().WriteFile(std::string("kernel/dumps/") + kName + "/notes", "an administrator's");
  rig_.crash().MakeDirectory(std::string("kernel/dumps/") + kName + "/more");
  MustPublish();
  ExpectWhole();
  ASSERT_EQ(rig_.Dumps().size(), 2U);
  const std::string aside = rig_.Dumps()[1];
  EXPECT_TRUE(aside.starts_with(std::string(kName) + ".foreign-")) << aside;
  EXPECT_EQ(ReadTextFile(rig_.DumpFile(aside, "notes").c_str(), 100).value(), "an administrator's");
}

TEST_F(PublisherTest, ATruncatedFileIsWrittenAgain) {
  for (const char* const name : {"vmcore", "dmesg.txt"}) {
    MustPublish();
    ASSERT_EQ(truncate(rig_.DumpFile(kName, name).c_str(), 10), 0);
    MustPublish();
    ExpectWhole();
  }
}

TEST_F(PublisherTest, OtherDumpsInfoDoesNotCount) {
  MustPublish();
  DumpInfo info = rig_.Info(kName);
  info.attempt_id[31] ^= 1;  // the same beginning, another attempt
  rig_.crash().WriteFile(std::string("kernel/dumps/") + kName + "/info.json", info.ToJson());
  const Result<Published> published = Publish();
  ASSERT_TRUE(published.ok());
  EXPECT_TRUE(published.value().is_new);
  ExpectWhole();
  EXPECT_EQ(rig_.Dumps().size(), 2U);
}

// The reader of this dump says that it reads another one, whose messages are published and whose pages wait.
TEST_F(PublisherTest, ADumpOfAnotherKeyIsAnother) {
  ASSERT_TRUE(Publish(UINT64_MAX).ok());
  const auto tree = rig_.Tree();
  const RangeSource region(rig_.device(), RecoveryRig::kRegion);
  const auto source = rig_.make_dumps()({}, region, record_)->Open(1).TakeValue();
  Publisher publisher = rig_.OpenPublisher();
  const DumpId other_key{1, 2, 3};
  ASSERT_TRUE(publisher.Publish(*source, other_key).ok());
  ASSERT_EQ(rig_.Dumps().size(), 2U);
  const std::string aside = rig_.Dumps()[1];
  EXPECT_TRUE(aside.starts_with(std::string(kName) + ".foreign-")) << aside;
  EXPECT_EQ(rig_.Tree().at("kernel/dumps/" + aside + "/info.json"),
            tree.at(std::string("kernel/dumps/") + kName + "/info.json"));
}

// A dump whose memory cannot be exported.
class WithoutVmcore final : public DumpSource {
 public:
  explicit WithoutVmcore(std::unique_ptr<DumpSource> source) : source_(std::move(source)) {}
  const DumpHeader& header() const override { return source_->header(); }
  Result<DumpSurvey> Survey() override { return source_->Survey(); }
  Result<DumpSurvey> SurveyTexts() override { return source_->SurveyTexts(); }
  Result<uint64_t> WriteVmcore(ByteSink& sink) override {
    TRY(sink.WriteAt(0, BytesOf(std::string_view("half a file"))));
    return Error::Format(ErrorCode::kCorrupt, "the reader has died");
  }

 private:
  std::unique_ptr<DumpSource> source_;
};

TEST_F(PublisherTest, MemoryThatCannotBeExportedDoesNotKeepTheMessagesBack) {
  const RangeSource region(rig_.device(), RecoveryRig::kRegion);
  for (int i = 0; i < 2; ++i) {
    WithoutVmcore source(rig_.make_dumps()({}, region, record_)->Open(1).TakeValue());
    const Result<Published> published = rig_.OpenPublisher().Publish(source, record_.credentials.key_id);
    ASSERT_TRUE(published.ok()) << published.error().text();
    EXPECT_EQ(published.value().info.vmcore, VmcoreFile::kPending);
    EXPECT_EQ(published.value().info.vmcore_error, "vmcore: the reader has died");
    EXPECT_EQ(rig_.Info(kName).vmcore_error, "vmcore: the reader has died");
    EXPECT_EQ(unlink(rig_.DumpFile(kName, kUnannouncedName).c_str()) == 0, i == 0) << "is news once";
    EXPECT_EQ(ReadTextFile(rig_.DumpFile(kName, "dmesg.txt").c_str(), kMiB).value(), plan_.messages);
    EXPECT_NE(access(rig_.DumpFile(kName, "vmcore").c_str(), F_OK), 0);
    EXPECT_EQ(rig_.Dumps(), std::vector<std::string>{kName});
    EXPECT_EQ(rig_.Reports().size(), 1U);
  }
  // Each run tries again.
  MustPublish();
  ExpectWhole();
  EXPECT_EQ(rig_.Info(kName).vmcore_error, "");
  EXPECT_EQ(rig_.Reports().size(), 1U);
}

// A dump whose pages lead whoever looks at them astray.
class WithoutSurvey final : public DumpSource {
 public:
  explicit WithoutSurvey(std::unique_ptr<DumpSource> source) : source_(std::move(source)) {}
  const DumpHeader& header() const override { return source_->header(); }
  Result<DumpSurvey> Survey() override { return Error::Format(ErrorCode::kCorrupt, "the reader has died"); }
  Result<DumpSurvey> SurveyTexts() override { return source_->SurveyTexts(); }
  Result<uint64_t> WriteVmcore(ByteSink&) override { return Error::Format(ErrorCode::kCorrupt, "not asked"); }

 private:
  std::unique_ptr<DumpSource> source_;
};

TEST_F(PublisherTest, PagesThatCannotBeLookedAtDoNotKeepTheMessagesBack) {
  const RangeSource region(rig_.device(), RecoveryRig::kRegion);
  for (int i = 0; i < 2; ++i) {
    WithoutSurvey source(rig_.make_dumps()({}, region, record_)->Open(1).TakeValue());
    const Result<Published> published = rig_.OpenPublisher().Publish(source, record_.credentials.key_id);
    ASSERT_TRUE(published.ok()) << published.error().text();
    EXPECT_EQ(published.value().info.vmcore, VmcoreFile::kPending);
    const DumpInfo info = rig_.Info(kName);
    EXPECT_EQ(info.vmcore_error, "the reader has died");
    EXPECT_EQ(info.state, "torn");
    EXPECT_EQ(info.reason, "its pages could not be looked at");
    EXPECT_EQ(info.release, "6.1.0-test");
    EXPECT_EQ(ReadTextFile(rig_.DumpFile(kName, "dmesg.txt").c_str(), kMiB).value(), plan_.messages);
    EXPECT_EQ(rig_.Reports().size(), 1U);
  }
  MustPublish();
  ExpectWhole();
  EXPECT_EQ(rig_.Dumps(), std::vector<std::string>{kName});
  EXPECT_EQ(rig_.Reports().size(), 1U);
}

TEST_F(PublisherTest, AnInfoWithoutAKeyIsThatOfItsAttempt) {
  MustPublish();
  std::string json = rig_.Info(kName).ToJson();
  json.erase(json.find("  \"key_id\""), json.find("  \"release\"") - json.find("  \"key_id\""));
  rig_.crash().WriteFile(std::string("kernel/dumps/") + kName + "/info.json", json);
  EXPECT_FALSE(Publish().value().is_new);
  EXPECT_EQ(rig_.Dumps().size(), 1U);
}

TEST_F(PublisherTest, WhatStandsInTheWayIsMovedAside) {
  const TempDirectory elsewhere;
  rig_.crash().MakeSymlink("kernel", elsewhere.path());
  MustPublish();
  ExpectWhole();
  EXPECT_NE(access(elsewhere.Path("dumps").c_str(), F_OK), 0);
  unsigned links = 0;
  for (const auto& [name, text] : rig_.Tree()) links += name.starts_with("kernel.foreign-") ? 1 : 0;
  EXPECT_EQ(links, 1U);
}

TEST_F(PublisherTest, AFileInsteadOfDumps) {
  rig_.crash().WriteFile("kernel/dumps", "somebody's");
  MustPublish();
  ExpectWhole();
}

TEST_F(PublisherTest, SomebodysReportOfThatNameIsNotTouched) {
  const std::string name = std::string("linux-image-6.1.0-test-") + kName + ".crash";
  const TempDirectory elsewhere;
  const std::string target = elsewhere.WriteFile("target", "theirs");
  rig_.crash().MakeSymlink(name, target);
  MustPublish();
  ExpectWhole();
  EXPECT_EQ(ReadTextFile(target.c_str(), 100).value(), "theirs");
  EXPECT_EQ(rig_.Reports(), std::vector<std::string>{name});
}

TEST_F(PublisherTest, AReleaseThatIsNoneStaysOutOfNames) {
  DumpPlan plan = CopyPlan(plan_);
  plan.machine_facts = "release=../../../tmp/x\nmachine=x86_64\n";
  rig_.Place(plan);
  MustPublish();
  EXPECT_EQ(rig_.Info(kName).release, "../../../tmp/x");
  EXPECT_EQ(rig_.Reports(), std::vector<std::string>{std::string("linux-image-unknown-") + kName + ".crash"});
}

TEST_F(PublisherTest, ControlCharactersOfTheLogAreEscaped) {
  DumpPlan plan = CopyPlan(plan_);
  plan.messages = "\x1b[2J and \xff\n";
  rig_.Place(plan);
  MustPublish();
  EXPECT_EQ(ReadTextFile(rig_.DumpFile(kName, "dmesg.txt").c_str(), kMiB).value(), "\\x1b[2J and \\xff\n");
}

TEST_F(PublisherTest, SaysWhereItCannotWrite) {
  const std::string file = rig_.crash().WriteFile("file", "");
  const Result<Publisher> refused = Publisher::Open(file, 0, {}, ReportPlace::kPrivate);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(std::string(refused.error().text()).find(file), std::string::npos);
}

}  // namespace
}  // namespace crashdump
