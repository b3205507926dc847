// SPDX-License-Identifier: GPL-2.0-or-later
// Dumps that an attacker, a disk or a crash has damaged: none is published as complete, and what precedes the damage is
// published and right. All are made with the project's own writer.
#include <gtest/gtest.h>

#include "recover/recovery_rig_test.h"

namespace crashdump {
namespace {

class DamagedDumpTest : public ::testing::Test {
 protected:
  // Recovers a dump of which `damage` has changed the bytes; the name of what is published.
  template <typename Damage>
  std::string RecoverDamaged(Damage damage) {
    std::vector<uint8_t> dump = BuildDump(plan_);
    damage(dump);
    rig_->Place(dump);
    rig_->Recover();
    const std::vector<std::string> dumps = rig_->Dumps();
    EXPECT_LE(dumps.size(), 1U);
    return dumps.empty() ? "" : dumps[0];
  }
  // Marked as what it is, with at least the first `chunks` chunks and not one wrong page.
  void ExpectSalvaged(const std::string& name, uint64_t chunks) {
    ASSERT_NE(name, "");
    const DumpInfo info = rig_->Info(name);
    EXPECT_NE(info.state, "complete");
    EXPECT_NE(info.reason, "");
    EXPECT_FALSE(info.read_error);
    const std::set<uint64_t> pages = rig_->RightPages(name, plan_);
    EXPECT_EQ(pages.size(), info.data_pages);
    for (size_t chunk = 0; chunk < chunks; ++chunk) {
      if (plan_.pages[chunk].kind != PageKind::kData) continue;
      for (uint64_t i = 0; i < RecoveryRig::kChunkPages; ++i) {
        EXPECT_TRUE(pages.contains(plan_.pages[chunk].first_pfn + i)) << chunk;
      }
    }
  }
  std::vector<PlacedObject> Chunks() const {
    std::vector<PlacedObject> chunks;
    for (const PlacedObject& object : ListObjects(BuildDump(plan_))) {
      if (object.type == ObjectType::kChunk) chunks.push_back(object);
    }
    return chunks;
  }
  static void Copy(const std::vector<uint8_t>& from, const PlacedObject& object, std::vector<uint8_t>& to,
                   uint64_t offset) {
    std::copy_n(from.begin() + static_cast<ptrdiff_t>(object.offset), object.bytes,
                to.begin() + static_cast<ptrdiff_t>(offset));
  }

  void StartOver() {
    rig_ = std::make_unique<RecoveryRig>();
    record_ = rig_->AddRecord(7);
  }

  std::unique_ptr<RecoveryRig> rig_ = std::make_unique<RecoveryRig>();
  KeyRecord record_ = rig_->AddRecord(7);
  DumpPlan plan_ = RecoveryRig::PlanFor(record_);
};

TEST_F(DamagedDumpTest, AWholeOneIsComplete) {
  const std::string name = RecoverDamaged([](std::vector<uint8_t>&) {});
  ASSERT_NE(name, "");
  EXPECT_EQ(rig_->Info(name).state, "complete");
  EXPECT_EQ(rig_->RightPages(name, plan_).size(), 5U * RecoveryRig::kChunkPages);
}

TEST_F(DamagedDumpTest, OneBitOfAnyObject) {
  const std::vector<PlacedObject> objects = ListObjects(BuildDump(plan_));
  std::set<ObjectType> types;
  // Beginning, middle and end: header, ciphertext and tag.
  for (const uint64_t part : {20U, 50U, 99U}) {
    uint64_t chunks = 0;
    for (const PlacedObject& object : objects) {
      SCOPED_TRACE(testing::Message() << "object at " << object.offset << " of type " << static_cast<int>(object.type));
      types.insert(object.type);
      StartOver();
      const std::string name = RecoverDamaged([&](std::vector<uint8_t>& dump) {
        dump[static_cast<size_t>(object.offset + object.bytes * part / 100)] ^= 0x10;
      });
      if (object.type == ObjectType::kHeader) {
        EXPECT_EQ(name, "");
        continue;
      }
      ExpectSalvaged(name, object.type == ObjectType::kTrailer || object.type == ObjectType::kMachineFacts ||
                                   object.type == ObjectType::kVmcoreinfo || object.type == ObjectType::kMessages
                               ? 0
                               : chunks);
      if (object.type == ObjectType::kChunk) ++chunks;
    }
    EXPECT_EQ(chunks, plan_.pages.size());
  }
  EXPECT_EQ(types.size(), 9U);
}

TEST_F(DamagedDumpTest, AMissingTrailerKeepsEveryPage) {
  const std::string name = RecoverDamaged([&](std::vector<uint8_t>& dump) {
    std::fill_n(dump.begin() + static_cast<ptrdiff_t>(plan_.parameters.layout.trailer), kDiskUnit, uint8_t{0});
  });
  ExpectSalvaged(name, 5);
}

TEST_F(DamagedDumpTest, ChunksThatChangedPlaces) {
  const std::vector<PlacedObject> chunks = Chunks();
  const std::vector<uint8_t> whole = BuildDump(plan_);
  const std::string name = RecoverDamaged([&](std::vector<uint8_t>& dump) {
    Copy(whole, chunks[2], dump, chunks[3].offset);
    Copy(whole, chunks[3], dump, chunks[2].offset);
  });
  ExpectSalvaged(name, 2);
}

TEST_F(DamagedDumpTest, AChunkMovedToAnother) {
  const std::vector<PlacedObject> chunks = Chunks();
  const std::vector<uint8_t> whole = BuildDump(plan_);
  ExpectSalvaged(RecoverDamaged([&](std::vector<uint8_t>& dump) { Copy(whole, chunks[1], dump, chunks[4].offset); }),
                 4);
}

TEST_F(DamagedDumpTest, AChunkOfAnotherAttempt) {
  // The same keys and places; another crash of the same loaded image, as in a restored virtual machine.
  const std::vector<uint8_t> other = BuildDump(RecoveryRig::PlanFor(record_, 0xB2));
  const std::vector<PlacedObject> chunks = Chunks();
  ExpectSalvaged(RecoverDamaged([&](std::vector<uint8_t>& dump) { Copy(other, chunks[3], dump, chunks[3].offset); }),
                 3);
}

TEST_F(DamagedDumpTest, TheTrailerOfAnotherDump) {
  const std::vector<uint8_t> other = BuildDump(RecoveryRig::PlanFor(record_, 0xB2));
  const uint64_t trailer = plan_.parameters.layout.trailer;
  const std::string name = RecoverDamaged([&](std::vector<uint8_t>& dump) {
    Copy(other, {.type = ObjectType::kTrailer, .offset = trailer, .bytes = kDiskUnit}, dump, trailer);
  });
  ExpectSalvaged(name, 5);
}

TEST_F(DamagedDumpTest, TheHeaderOfAnotherDump) {
  const std::vector<uint8_t> other = BuildDump(RecoveryRig::PlanFor(record_, 0xB2));
  const std::string name = RecoverDamaged([&](std::vector<uint8_t>& dump) {
    const uint64_t header = plan_.parameters.layout.header;
    Copy(other, {.type = ObjectType::kHeader, .offset = header, .bytes = kDiskUnit}, dump, header);
  });
  ExpectSalvaged(name, 0);
  EXPECT_EQ(rig_->Info(name).data_pages, 0U);
}

TEST_F(DamagedDumpTest, OtherKeysUnderTheRightId) {
  DumpCredentials other = TestCredentials(8);
  other.key_id = record_.credentials.key_id;
  plan_.credentials = std::move(other);
  EXPECT_EQ(RecoverDamaged([](std::vector<uint8_t>&) {}), "");
  EXPECT_TRUE(rig_->Reports().empty());
}

TEST_F(DamagedDumpTest, OneWithoutKeys) {
  plan_.credentials.kind = KeyKind::kNone;
  EXPECT_EQ(RecoverDamaged([](std::vector<uint8_t>&) {}), "");
  DumpCredentials none;
  none.region_id = record_.credentials.region_id;
  none.key_id = record_.credentials.key_id;
  plan_.credentials = std::move(none);
  EXPECT_EQ(RecoverDamaged([](std::vector<uint8_t>&) {}), "");
  EXPECT_TRUE(rig_->Reports().empty());
}

TEST_F(DamagedDumpTest, ARecordThatAllowsDumpsWithoutKeysIsNone) {
  const std::string file = KeyStore::FileName(record_.credentials.key_id);
  std::string& text = rig_->keys_directory().files()[file];
  const size_t kind = text.find("kind=plain-file");
  ASSERT_NE(kind, std::string::npos);
  text.replace(kind, 15, "kind=none");
  plan_.credentials.kind = KeyKind::kNone;
  EXPECT_EQ(RecoverDamaged([](std::vector<uint8_t>&) {}), "");
  EXPECT_EQ(CountOf(rig_->Recover(), RecoverNote::Kind::kFailed), 1U);
}

TEST_F(DamagedDumpTest, AnAuthenticOlderDumpWhoseKeyIsGone) {
  const KeyRecord older = rig_->AddRecord(9);  // the same places, an earlier arming
  rig_->keys().Remove(older.credentials.key_id).TakeValue();
  plan_ = RecoveryRig::PlanFor(older);
  EXPECT_EQ(RecoverDamaged([](std::vector<uint8_t>&) {}), "");
  EXPECT_TRUE(rig_->Reports().empty());
}

}  // namespace
}  // namespace crashdump
