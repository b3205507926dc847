// SPDX-License-Identifier: GPL-2.0-or-later
// Armed before /var is there: what the initramfs of the system carries, what is loaded with it, and that the dump that
// comes of it is read with what /var has, beside all the others.
#include "loader/early_arming.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/base/parse.h"
#include "common/base/range_source.h"
#include "common/format/dump_reader.h"
#include "common/format/key_policy.h"
#include "common/format/key_store.h"
#include "common/storage/region_store.h"
#include "common/storage/target_proof.h"
#include "common/testing/dump_builder.h"
#include "common/testing/fake_state_directory.h"
#include "common/testing/target_builder.h"
#include "common/testing/temp_directory.h"
#include "loader/arm.h"
#include "loader/fake_machine.h"
#include "loader/fake_region_sink.h"
#include "loader/occupancy.h"

namespace crashdump {
namespace {

class EarlyArmingTest : public testing::Test {
 protected:
  EarlyArmingTest() {
    InitializeCrypto().TakeValue();
    target_ = TargetBuilder().Build();
    machine_.devices.push_back({target_.identity, target_.device.get()});
    RegionStore(regions_).Put({target_.stamp, target_.description.device().swap_uuid}).TakeValue();
    configuration_ = ParseConfiguration(machine_, "COMMAND_LINE_APPEND=crashdump.linger=7\n").TakeValue();
  }

  StateDirectories State() { return {keys_, regions_, run_, remembered_}; }
  static std::string MakeDirectory(const TempDirectory& parent, const char* name) {
    const std::string path = parent.path() + "/" + name;
    EXPECT_EQ(mkdir(path.c_str(), 0700), 0);
    return path;
  }
  Result<TicketReport> Write(const std::string& directory) {
    return WriteTicket(machine_, State(), configuration_, configuration_, directory);
  }
  // The directory, as the initramfs of the next boot has it, and that boot, in which /var is not there.
  void BootWith(const std::string& directory) {
    machine_.Reboot();
    run_.files().clear();
    for (const char* const name : {kTicketName, kTicketTargetName, kTicketKernelName, kTicketInitramfsName}) {
      machine_.Write(std::string("/crashdump/") + name,
                     ReadTextFile((directory + "/" + name).c_str(), kGiB).TakeValue());
      EXPECT_EQ(chmod(machine_.Path(std::string("/crashdump/") + name).c_str(), 0600), 0);
    }
  }
  std::string Overlay(const char* path) const { return FileInArchive(machine_.image->initramfs, path); }
  KeyArming LoadedArming() const { return KeyArming::Parse(Overlay("overlay/arming")).TakeValue(); }
  Result<> ProveLoaded(unsigned attempt = 1) {
    const TargetDescription description = ParseTargetDescription(Overlay("overlay/target")).TakeValue();
    return Prove(description, *target_.device, target_.identity, attempt);
  }
  // By what is loaded, as capture would write it. Returns the plan.
  DumpPlan Crash() {
    const KeyArming arming = LoadedArming();
    DumpPlan plan = RegionPlan(20, kMiB);
    plan.credentials = arming.credentials.Copy();
    plan.parameters.layout = arming.Layout(1);
    RandomBytes(plan.parameters.attempt_id).TakeValue();
    FakeRegionSink sink(*target_.device, target_.stamp.region.begin);
    WriteDump(plan, sink).TakeValue();
    return plan;
  }
  std::vector<KeyRecord> Records() { return KeyStore(keys_).ReadAll().TakeValue().records; }
  KeyRecord Reserved() {
    for (KeyRecord& record : Records()) {
      if (IsReserved(record)) return std::move(record);
    }
    ADD_FAILURE() << "no place is kept";
    return {};
  }
  Result<DumpReader> OpenDump(const KeyRecord& record) {
    source_.emplace(*target_.device, target_.stamp.region);
    return DumpReader::Open(*source_, record.Layout(1), record.credentials);
  }

  TempDirectory root_, output_;
  FakeMachine machine_{root_.path()};
  BuiltTarget target_;
  FakeStateDirectory keys_, regions_, run_, remembered_;
  Configuration configuration_;
  std::optional<RangeSource> source_;
};

TEST_F(EarlyArmingTest, ADumpOfAnEarlyPanicIsReadWithWhatVarHas) {
  const std::string directory = MakeDirectory(output_, "a");
  const TicketReport report = Write(directory).TakeValue();
  EXPECT_TRUE(report.is_new);
  EXPECT_GT(report.room, 0u);
  BootWith(directory);
  EXPECT_EQ(LoadTicket(machine_, run_, "/crashdump").TakeValue(), report.key_id);
  EXPECT_NE(machine_.image->command_line.find("crashdump.linger=7"), std::string::npos);
  const auto armed = ReadArmedRecord(run_).TakeValue();
  ASSERT_TRUE(armed);
  EXPECT_EQ(armed->state, ArmedState::kArmed);
  EXPECT_EQ(armed->key_id, report.key_id);
  EXPECT_TRUE(ProveLoaded().ok());

  const DumpPlan plan = Crash();
  const KeyRecord record = Reserved();
  EXPECT_FALSE(Equal(record.credentials.private_key.bytes(), plan.credentials.encryption_key.bytes()));
  CollectingVisitor visitor;
  const DumpVerdict verdict = OpenDump(record).TakeValue().Walk(visitor).TakeValue();
  EXPECT_EQ(verdict.state, DumpState::kComplete) << verdict.reason;
  EXPECT_EQ(visitor.section(ObjectType::kMessages), plan.messages);
}

TEST_F(EarlyArmingTest, WhatTheInitramfsCarriesOpensNoDump) {
  const std::string directory = MakeDirectory(output_, "a");
  Write(directory).TakeValue();
  const KeyRecord record = Reserved();
  const std::string secret = ToHex(record.credentials.private_key.bytes());
  for (const char* const name : {kTicketName, kTicketTargetName}) {
    struct stat status {};
    const std::string path = directory + "/" + name;
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U);
    EXPECT_EQ(ReadTextFile(path.c_str(), kMiB).TakeValue().find(secret), std::string::npos);
  }
  // Each boot has a key of its own.
  BootWith(directory);
  LoadTicket(machine_, run_, "/crashdump").TakeValue();
  const KeyArming first = LoadedArming();
  BootWith(directory);
  LoadTicket(machine_, run_, "/crashdump").TakeValue();
  EXPECT_FALSE(Equal(first.credentials.encryption_key.bytes(), LoadedArming().credentials.encryption_key.bytes()));
}

TEST_F(EarlyArmingTest, LaterArmingsKeepAwayFromItsPlace) {
  Write(MakeDirectory(output_, "a")).TakeValue();
  const KeyRecord reserved = Reserved();
  for (int boot = 0; boot < 3; ++boot) {
    const ArmReport report = Arm(machine_, State(), configuration_).TakeValue();
    EXPECT_NE(report.slot, reserved.slot_index);
    EXPECT_FALSE(report.extent.Overlaps(reserved.extent));
    EXPECT_GT(report.extent.size(), reserved.extent.size());
    Crash();
    machine_.Reboot();
    run_.files().clear();
  }
  EXPECT_EQ(Reserved().credentials.key_id, reserved.credentials.key_id) << "nobody deletes it";
}

TEST_F(EarlyArmingTest, TheImageThatIsLoadedMakesWay) {
  const ArmReport before = Arm(machine_, State(), configuration_).TakeValue();
  const TicketReport ticket = Write(MakeDirectory(output_, "a")).TakeValue();
  EXPECT_NE(ticket.arm_report, "");
  const KeyRecord reserved = Reserved();
  EXPECT_TRUE(before.extent.Overlaps(reserved.extent));
  EXPECT_FALSE(LoadedArming().extent.Overlaps(reserved.extent));
  // If it cannot, no place is kept.
  keys_.files().clear();
  Arm(machine_, State(), configuration_).TakeValue();
  machine_.load_failures = {FakeMachine::LoadFailure::kEarly, FakeMachine::LoadFailure::kEarly};
  EXPECT_FALSE(Write(MakeDirectory(output_, "b")).ok());
  for (const KeyRecord& record : Records()) EXPECT_FALSE(IsReserved(record));
}

TEST_F(EarlyArmingTest, AllKernelsHaveTheSameTicketUntilADumpHasComeOfIt) {
  const std::string directory = MakeDirectory(output_, "a");
  const DumpId key_id = Write(directory).TakeValue().key_id;
  const Result<TicketReport> second = Write(MakeDirectory(output_, "b"));
  ASSERT_TRUE(second.ok()) << second.error().text();
  const TicketReport& again = second.value();
  EXPECT_FALSE(again.is_new);
  EXPECT_EQ(again.key_id, key_id);

  BootWith(directory);
  LoadTicket(machine_, run_, "/crashdump").TakeValue();
  const DumpPlan plan = Crash();
  const auto early = Write(MakeDirectory(output_, "c"));
  ASSERT_FALSE(early.ok());
  EXPECT_NE(std::string(early.error().text()).find("crashdump recover"), std::string::npos);
  KeyStore(keys_).MarkRecovered(key_id, plan.parameters.attempt_id).TakeValue();
  const std::vector<std::string> notes = Arm(machine_, State(), configuration_).TakeValue().notes;
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("update-initramfs"), std::string::npos) << notes[0];
  const TicketReport next = Write(MakeDirectory(output_, "d")).TakeValue();
  EXPECT_TRUE(next.is_new);
  EXPECT_NE(next.key_id, key_id);
  EXPECT_FALSE(KeyStore(keys_).Find(key_id).value()) << "it has served";
}

TEST_F(EarlyArmingTest, WhatWasWrittenOnceIsNotWrittenAgain) {
  const std::string directory = MakeDirectory(output_, "a");
  Write(directory).TakeValue();
  BootWith(directory);
  LoadTicket(machine_, run_, "/crashdump").TakeValue();
  Crash();
  BootWith(directory);
  LoadTicket(machine_, run_, "/crashdump").TakeValue();
  const Result<> proof = ProveLoaded();
  ASSERT_FALSE(proof.ok());
  EXPECT_NE(std::string(proof.error().text()).find("attempt 1"), std::string::npos) << proof.error().text();
}

TEST_F(EarlyArmingTest, ANewPlaceLiesBesideTheDumpsThatWait) {
  Arm(machine_, State(), configuration_).TakeValue();
  Crash();
  machine_.Reboot();
  EXPECT_GT(Write(MakeDirectory(output_, "a")).TakeValue().room, 0u);
  const KeyRecord reserved = Reserved();
  for (const KeyRecord& record : Records()) {
    if (IsReserved(record)) continue;
    const Result<std::optional<uint64_t>> end = DumpReader::FindEnd(RangeSource(*target_.device, target_.stamp.region),
                                                                    record.Layout(1), record.credentials, kWalkLimit);
    EXPECT_LE(*end.value(), reserved.extent.begin);
  }
}

TEST_F(EarlyArmingTest, AnImageThatDoesNotKnowOfThePlaceMayNotStay) {
  // The place is there, but whoever made it was killed before the image that is loaded made way.
  Write(MakeDirectory(output_, "a")).TakeValue();
  const auto kept = keys_.files();
  keys_.files().clear();
  Arm(machine_, State(), configuration_).TakeValue();
  for (const auto& [name, text] : kept) keys_.files()[name] = text;
  const KeyRecord reserved = Reserved();
  ASSERT_TRUE(LoadedArming().extent.Overlaps(reserved.extent));
  const TicketReport report = Write(MakeDirectory(output_, "b")).TakeValue();
  EXPECT_FALSE(report.is_new);
  EXPECT_NE(report.arm_report, "");
  EXPECT_FALSE(LoadedArming().extent.Overlaps(reserved.extent));
  machine_.calls.clear();
  EXPECT_EQ(Write(MakeDirectory(output_, "c")).TakeValue().arm_report, "") << "it keeps away";
  EXPECT_TRUE(machine_.calls.empty());
}

TEST_F(EarlyArmingTest, ADumpThatHasGotIntoThePlaceIsNotOverwritten) {
  const std::string directory = MakeDirectory(output_, "a");
  Write(directory).TakeValue();
  const KeyRecord reserved = Reserved();
  ASSERT_GT(reserved.extent.size(), 2 * kMiB);
  // Of an image that did not know of it, in another slot: only the pages tell.
  DumpPlan plan = RegionPlan(2000, kMiB);
  plan.credentials = TestCredentials(3);
  plan.parameters.layout = RegionSlotLayout(target_.region().Slot(reserved.slot_index + 1).begin, reserved.extent, 1);
  FakeRegionSink sink(*target_.device, target_.stamp.region.begin);
  WriteDump(plan, sink).TakeValue();
  BootWith(directory);
  LoadTicket(machine_, run_, "/crashdump").TakeValue();
  const Result<> proof = ProveLoaded();
  ASSERT_FALSE(proof.ok());
  EXPECT_NE(std::string(proof.error().text()).find("the place that is kept"), std::string::npos)
      << proof.error().text();
}

TEST_F(EarlyArmingTest, ThereIsNoSecondAttemptOnceTheFirstHasBegun) {
  const std::string directory = MakeDirectory(output_, "a");
  Write(directory).TakeValue();
  BootWith(directory);
  LoadTicket(machine_, run_, "/crashdump").TakeValue();
  EXPECT_TRUE(ProveLoaded(2).ok());
  // Whose header it is, this one or one of a boot before, the second attempt cannot tell.
  Crash();
  EXPECT_FALSE(ProveLoaded(2).ok());
}

TEST_F(EarlyArmingTest, ATicketThatOthersMayHaveReadIsRefused) {
  const std::string directory = MakeDirectory(output_, "a");
  Write(directory).TakeValue();
  BootWith(directory);
  ASSERT_EQ(chmod(machine_.Path("/crashdump/ticket").c_str(), 0644), 0);
  const auto loaded = LoadTicket(machine_, run_, "/crashdump");
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(std::string(loaded.error().text()).find("0600"), std::string::npos);
  EXPECT_FALSE(machine_.image.has_value());
}

TEST_F(EarlyArmingTest, AnInitramfsThatOthersCanReadIsNamed) {
  machine_.Write("/boot/initrd.img-6.1.0-test", "");
  const std::string path = machine_.Path("/boot/initrd.img-6.1.0-test");
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  EXPECT_TRUE(Arm(machine_, State(), configuration_).TakeValue().notes.empty()) << "there is nothing in it";
  configuration_.early = true;
  const std::vector<std::string> notes = Arm(machine_, State(), configuration_).TakeValue().notes;
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_TRUE(notes[0].starts_with("/boot/initrd.img-6.1.0-test can be read")) << notes[0];
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  EXPECT_TRUE(Arm(machine_, State(), configuration_).TakeValue().notes.empty());
}

TEST_F(EarlyArmingTest, LeavesNothingHalfWritten) {
  const std::string directory = MakeDirectory(output_, "a");
  configuration_.initramfs = "/nowhere";
  EXPECT_FALSE(Write(directory).ok());
  EXPECT_NE(access((directory + "/" + kTicketKernelName).c_str(), F_OK), 0);
  configuration_ = ParseConfiguration(machine_, "").TakeValue();
  ASSERT_TRUE(Write(directory).ok());
  EXPECT_NE(std::string(Write(directory).error().text()).find("is there already"), std::string::npos);
  EXPECT_EQ(access((directory + "/" + kTicketName).c_str(), F_OK), 0) << "what was there stays";
}

}  // namespace
}  // namespace crashdump
