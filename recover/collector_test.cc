// SPDX-License-Identifier: GPL-2.0-or-later
// Recovery from the key records' side: which dumps are published, what is recorded, which keys are deleted.
#include "recover/collector.h"

#include <gtest/gtest.h>

#include "recover/recovery_rig_test.h"

namespace crashdump {
namespace {

using Kind = RecoverNote::Kind;

class CollectorTest : public ::testing::Test {
 protected:
  std::vector<KeyRecord> Records() { return rig_.keys().ReadAll().TakeValue().records; }
  // Every published dump's messages.
  std::string Messages(const std::string& dump) const {
    return ReadTextFile(rig_.DumpFile(dump, "dmesg.txt").c_str(), kMiB).TakeValue();
  }

  RecoveryRig rig_;
};

TEST_F(CollectorTest, PublishesAndRecordsAndDropsTheKey) {
  const KeyRecord record = rig_.AddRecord(7);
  const DumpPlan plan = RecoveryRig::PlanFor(record);
  rig_.Place(plan);
  const SparseImage before = rig_.device().Snapshot();
  const std::vector<RecoverNote> notes = rig_.Recover();
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(notes[0].kind, Kind::kPublished);
  EXPECT_EQ(notes[0].text, "20231114221320-a1a1a1a1a1a1: complete, messages and 1.2 MiB of memory");
  ASSERT_EQ(rig_.Dumps(), std::vector<std::string>{"20231114221320-a1a1a1a1a1a1"});
  EXPECT_EQ(rig_.RightPages(rig_.Dumps()[0], plan).size(), 5U * RecoveryRig::kChunkPages);
  EXPECT_EQ(Messages(rig_.Dumps()[0]), plan.messages);
  EXPECT_EQ(rig_.Reports().size(), 1U);
  EXPECT_TRUE(Records().empty());
  EXPECT_TRUE(before == rig_.device().Snapshot());
  EXPECT_TRUE(rig_.Recover().empty());
}

TEST_F(CollectorTest, EveryRecordAndBothAttempts) {
  const KeyRecord first = rig_.AddRecord(7, 0);
  const KeyRecord second = rig_.AddRecord(8, 1);
  const KeyRecord third = rig_.AddRecord(9, 2);  // of an arming without a crash
  rig_.Place(RecoveryRig::PlanFor(first, 0xA1, 1));
  DumpPlan messages_only = RecoveryRig::PlanFor(first, 0xA2, 2);
  messages_only.messages = "the second attempt\n";
  rig_.Place(messages_only);
  rig_.Place(RecoveryRig::PlanFor(second, 0xB1));
  const std::vector<RecoverNote> notes = rig_.Recover();
  EXPECT_EQ(CountOf(notes, Kind::kPublished), 3U);
  ASSERT_EQ(rig_.Dumps().size(), 3U);
  EXPECT_EQ(Messages(rig_.Dumps()[1]), "the second attempt\n");
  EXPECT_EQ(rig_.Info(rig_.Dumps()[1]).vmcore, VmcoreFile::kNone);
  EXPECT_EQ(rig_.Reports().size(), 3U);
  EXPECT_TRUE(Records().empty());
}

TEST_F(CollectorTest, ADamagedRecordKeepsNoOtherBack) {
  const KeyRecord record = rig_.AddRecord(7);
  rig_.Place(RecoveryRig::PlanFor(record));
  rig_.keys_directory().files()["00112233445566778899aabbccddeeff.key"] = "form=key-record-1\n";
  const std::vector<RecoverNote> notes = rig_.Recover();
  EXPECT_EQ(CountOf(notes, Kind::kPublished), 1U);
  EXPECT_EQ(CountOf(notes, Kind::kFailed), 1U);
  EXPECT_EQ(rig_.keys_directory().files().size(), 1U);  // the damaged one stays
}

TEST_F(CollectorTest, TheKeyOfTheLoadedImageStays) {
  const KeyRecord record = rig_.AddRecord(7);
  const BootFacts armed{.boot_id = RecoveryRig::kOtherBoot, .loaded_key = record.credentials.key_id};
  EXPECT_TRUE(rig_.RecoverAs(armed).empty());
  EXPECT_EQ(Records().size(), 1U);
  // A crash of a boot that is over, under a key that is loaded still: a restored virtual machine.
  rig_.Place(RecoveryRig::PlanFor(record));
  EXPECT_EQ(CountOf(rig_.RecoverAs(armed), Kind::kPublished), 1U);
  ASSERT_EQ(Records().size(), 1U);
  EXPECT_EQ(Records()[0].recovered.size(), 1U);
  EXPECT_TRUE(rig_.RecoverAs(armed).empty());
}

TEST_F(CollectorTest, AKeyOfThisBootStaysUntilALaterImageIsLoaded) {
  (void)rig_.AddRecord(7);
  EXPECT_TRUE(rig_.RecoverAs({.boot_id = RecoveryRig::kOtherBoot}).empty());
  EXPECT_EQ(Records().size(), 1U);
  const DumpId other{1, 2, 3};
  EXPECT_TRUE(rig_.RecoverAs({.boot_id = RecoveryRig::kOtherBoot, .loaded_key = other}).empty());
  EXPECT_TRUE(Records().empty());
}

// Which key is loaded is not known while others may load.
TEST_F(CollectorTest, PublishingDeletesNoKey) {
  rig_.Place(RecoveryRig::PlanFor(rig_.AddRecord(7)));
  (void)rig_.AddRecord(8, 1);
  Publisher publisher = rig_.OpenPublisher();
  KeyStore keys = rig_.keys();
  std::vector<RecoverDevice> devices;
  devices.push_back({RecoveryRig::Identity(), std::make_unique<FakeBlockDevice>(rig_.device())});
  Collector collector(keys, publisher, devices, rig_.make_dumps());
  EXPECT_EQ(CountOf(collector.Run().TakeValue(), Kind::kPublished), 1U);
  EXPECT_EQ(Records().size(), 2U);
  EXPECT_TRUE(collector.DeleteDeadKeys({.boot_id = RecoveryRig::kThisBoot, .loaded_key = std::nullopt}).ok());
  EXPECT_TRUE(Records().empty());
}

TEST_F(CollectorTest, AKeyStaysWhileItsDeviceIsAway) {
  (void)rig_.AddRecord(7);
  EXPECT_TRUE(rig_.RecoverFrom({}, {.boot_id = RecoveryRig::kThisBoot}).empty());
  EXPECT_EQ(Records().size(), 1U);
  EXPECT_TRUE(rig_.RecoverAs({.boot_id = RecoveryRig::kThisBoot}, 0, "SERIAL-2").empty());
  EXPECT_EQ(Records().size(), 1U);
}

TEST_F(CollectorTest, ADumpIsFoundOnADiskThatMoved) {
  const KeyRecord record = rig_.AddRecord(7);
  rig_.Place(RecoveryRig::PlanFor(record));
  EXPECT_EQ(CountOf(rig_.RecoverAs({.boot_id = RecoveryRig::kThisBoot}, 0, "SERIAL-2"), Kind::kPublished), 1U);
  EXPECT_EQ(rig_.Dumps().size(), 1U);
  // The recorded disk may turn up and hold the other attempt.
  ASSERT_EQ(Records().size(), 1U);
  EXPECT_EQ(Records()[0].recovered.size(), 1U);
}

TEST_F(CollectorTest, AClonedDiskGivesOneDump) {
  const KeyRecord record = rig_.AddRecord(7);
  rig_.Place(RecoveryRig::PlanFor(record));
  std::vector<RecoverDevice> devices;
  for (const char* const serial : {"SERIAL-2", "SERIAL-1"}) {
    devices.push_back({RecoveryRig::Identity(serial), std::make_unique<FakeBlockDevice>(rig_.device())});
  }
  EXPECT_EQ(rig_.RecoverFrom(devices, {.boot_id = RecoveryRig::kThisBoot}).size(), 1U);
  EXPECT_EQ(rig_.Dumps().size(), 1U);
}

TEST_F(CollectorTest, AnUnreadableHeaderIsSaidAndTheKeyStays) {
  const KeyRecord record = rig_.AddRecord(7);
  rig_.Place(RecoveryRig::PlanFor(record));
  const uint64_t header = RecoveryRig::kRegion.begin + record.Layout(1).header;
  rig_.device().FailReadsIn({header, header + 1});
  const std::vector<RecoverNote> notes = rig_.Recover();
  EXPECT_EQ(CountOf(notes, Kind::kFailed), 1U);
  EXPECT_TRUE(rig_.Dumps().empty());
  EXPECT_EQ(Records().size(), 1U);
}

TEST_F(CollectorTest, AReadErrorGivesWhatThereIsAndAnotherTryTheRest) {
  const KeyRecord record = rig_.AddRecord(7);
  const DumpPlan plan = RecoveryRig::PlanFor(record);
  rig_.Place(plan);
  const FakeBlockDevice whole = rig_.device();
  const std::vector<uint8_t> dump = BuildDump(plan);
  std::vector<PlacedObject> chunks;
  for (const PlacedObject& object : ListObjects(dump)) {
    if (object.type == ObjectType::kChunk) chunks.push_back(object);
  }
  const uint64_t bad = RecoveryRig::kRegion.begin + chunks[3].offset + chunks[3].bytes / 2;
  rig_.device().FailReadsIn({bad, bad + 1});
  std::vector<RecoverNote> notes = rig_.Recover();
  ASSERT_EQ(CountOf(notes, Kind::kFailed), 1U);
  ASSERT_EQ(rig_.Dumps().size(), 1U);
  const std::string name = rig_.Dumps()[0];
  EXPECT_TRUE(rig_.Info(name).read_error);
  EXPECT_NE(rig_.Info(name).state, "complete");
  const size_t salvaged = rig_.RightPages(name, plan).size();
  EXPECT_GE(salvaged, 2U * RecoveryRig::kChunkPages);
  EXPECT_LT(salvaged, 5U * RecoveryRig::kChunkPages);
  ASSERT_EQ(Records().size(), 1U);
  EXPECT_TRUE(Records()[0].recovered.empty());
  // The same again: no other directory or report, nothing recorded.
  const auto tree = rig_.Tree();
  EXPECT_EQ(CountOf(rig_.Recover(), Kind::kFailed), 1U);
  EXPECT_EQ(rig_.Tree(), tree);
  EXPECT_TRUE(Records()[0].recovered.empty());
  // The cable is in again.
  rig_.UseDevice(whole);
  notes = rig_.Recover();
  EXPECT_EQ(CountOf(notes, Kind::kPublished), 1U);
  EXPECT_EQ(rig_.Dumps(), std::vector<std::string>{name});
  EXPECT_EQ(rig_.Info(name).state, "complete");
  EXPECT_EQ(rig_.RightPages(name, plan).size(), 5U * RecoveryRig::kChunkPages);
  EXPECT_EQ(rig_.Reports().size(), 1U);
  EXPECT_TRUE(Records().empty());
}

TEST_F(CollectorTest, WithoutRoomTheMessagesComeFirstAndThePagesLater) {
  const KeyRecord record = rig_.AddRecord(7);
  const DumpPlan plan = RecoveryRig::PlanFor(record);
  rig_.Place(plan);
  std::vector<RecoverNote> notes = rig_.Recover(UINT64_MAX);
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(notes[0].kind, Kind::kPending);
  EXPECT_NE(notes[0].text.find("no room for 1.2 MiB"), std::string::npos) << notes[0].text;
  ASSERT_EQ(rig_.Dumps().size(), 1U);
  const std::string name = rig_.Dumps()[0];
  EXPECT_EQ(rig_.Info(name).vmcore, VmcoreFile::kPending);
  EXPECT_EQ(Messages(name), plan.messages);
  EXPECT_EQ(rig_.Reports().size(), 1U);
  EXPECT_EQ(Records().size(), 1U);
  // Still no room, and an administrator who has read the report: it does not come back.
  ASSERT_EQ(unlink(rig_.crash().Path(rig_.Reports()[0]).c_str()), 0);
  EXPECT_EQ(CountOf(rig_.Recover(UINT64_MAX), Kind::kPending), 1U);
  notes = rig_.Recover();
  EXPECT_EQ(CountOf(notes, Kind::kPublished), 1U);
  EXPECT_EQ(rig_.Dumps(), std::vector<std::string>{name});
  EXPECT_EQ(rig_.RightPages(name, plan).size(), 5U * RecoveryRig::kChunkPages);
  EXPECT_TRUE(rig_.Reports().empty());
  EXPECT_TRUE(Records().empty());
}

TEST_F(CollectorTest, APreviewSaysWhatWouldBeDoneAndDoesNothing) {
  EXPECT_TRUE(rig_.Preview().empty());
  rig_.Place(RecoveryRig::PlanFor(rig_.AddRecord(7)));
  const auto keys = rig_.keys_directory().files();
  const auto expect = [&](uint64_t minimum_free, Kind kind, const std::string& text) {
    const auto tree = rig_.Tree();
    const std::vector<RecoverNote> notes = rig_.Preview(minimum_free);
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_EQ(notes[0].kind, kind);
    EXPECT_EQ(notes[0].text.substr(0, notes[0].text.find(", about")), "20231114221320-a1a1a1a1a1a1: complete: " + text);
    EXPECT_EQ(rig_.Tree(), tree);
    EXPECT_EQ(rig_.keys_directory().files(), keys);
  };
  expect(0, Kind::kFound, "would be published: messages and 1.2 MiB of memory, elf");
  expect(UINT64_MAX, Kind::kFound,
         "would be published: messages; no room for its 1.2 MiB of memory, which takes about 1.2 MiB");
  EXPECT_TRUE(rig_.Tree().empty());
  (void)rig_.Recover(UINT64_MAX);
  expect(UINT64_MAX, Kind::kPending, "its messages are published, and its 1.2 MiB of memory cannot be yet");
  expect(0, Kind::kFound, "would be published: messages and 1.2 MiB of memory, elf");
  (void)rig_.Recover();
  EXPECT_TRUE(rig_.Preview().empty());
}

TEST_F(CollectorTest, APreviewOfADirectoryThatIsNotThereYet) {
  rig_.Place(RecoveryRig::PlanFor(rig_.AddRecord(7)));
  KeyStore keys = rig_.keys();
  const std::vector<RecoverDevice> devices = rig_.Devices();
  for (const std::string& absent : {rig_.crash().Path("absent"), rig_.crash().Path("absent") + "//"}) {
    Publisher publisher = Publisher::OpenForPreview(absent, 0).TakeValue();
    EXPECT_EQ(CountOf(Collector(keys, publisher, devices, rig_.make_dumps()).Preview().TakeValue(), Kind::kFound), 1U);
  }
  EXPECT_TRUE(rig_.Tree().empty());
  EXPECT_FALSE(Publisher::OpenForPreview(rig_.crash().Path("absent/deeper"), 0).ok());
}

TEST_F(CollectorTest, APreviewFailsWhereTheRunWould) {
  const KeyRecord record = rig_.AddRecord(7);
  rig_.Place(RecoveryRig::PlanFor(record));
  const uint64_t bad = RecoveryRig::kRegion.begin + record.extent.begin + 16 * kKiB;
  rig_.device().FailReadsIn({bad, bad + 1});
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(CountOf(rig_.Preview(), Kind::kFailed), 1U);
    EXPECT_EQ(CountOf(rig_.Recover(), Kind::kFailed), 1U);
  }
}

TEST_F(CollectorTest, APreviewDoesNotLookIntoSomebodyElsesDirectory) {
  rig_.Place(RecoveryRig::PlanFor(rig_.AddRecord(7)));
  rig_.crash().MakeSymlink("kernel", "/nowhere");
  EXPECT_EQ(CountOf(rig_.Preview(), Kind::kFound), 1U);
  EXPECT_EQ(rig_.Tree().size(), 1U);
}

// Power is lost before or after each change of the key records; the next boot finishes, and there is one dump.
TEST_F(CollectorTest, PowerCutsBetweenPublicationAndRecord) {
  for (const auto moment : {PowerSwitch::Moment::kBefore, PowerSwitch::Moment::kAfter}) {
    bool cut = true;
    for (uint64_t step = 0; cut; ++step) {
      SCOPED_TRACE(step);
      RecoveryRig rig;
      const KeyRecord record = rig.AddRecord(7);
      const DumpPlan plan = RecoveryRig::PlanFor(record);
      rig.Place(plan);
      PowerSwitch power;
      power.CutAt(step, moment);
      rig.keys_directory().ConnectTo(&power);
      (void)rig.Recover();
      cut = !power.on();
      rig.keys_directory().ConnectTo(nullptr);
      const auto tree = rig.Tree();
      EXPECT_EQ(CountOf(rig.Recover(), Kind::kFailed), 0U);
      EXPECT_EQ(rig.Tree(), tree);
      ASSERT_EQ(rig.Dumps().size(), 1U);
      EXPECT_EQ(rig.RightPages(rig.Dumps()[0], plan).size(), 5U * RecoveryRig::kChunkPages);
      EXPECT_EQ(rig.Reports().size(), 1U);
      EXPECT_TRUE(rig.keys_directory().files().empty());
      EXPECT_TRUE(cut || step == 2U);  // recorded, and deleted
    }
  }
}

}  // namespace
}  // namespace crashdump
