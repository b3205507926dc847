// SPDX-License-Identifier: GPL-2.0-or-later
// RegionPreparer: what it decides, what it writes, and that a cut of the power anywhere leaves a usable swap which a
// second run brings to the same state.
#include "loader/region_preparer.h"

#include <gtest/gtest.h>

#include <functional>

#include "common/storage/device_hints.h"
#include "common/storage/region.h"
#include "common/storage/target_description.h"
#include "common/testing/dump_builder.h"
#include "common/testing/fake_block_device.h"
#include "common/testing/fake_state_directory.h"
#include "common/testing/swap_builder.h"
#include "loader/fake_region_sink.h"

namespace crashdump {
namespace {

constexpr uint64_t kDeviceBytes = 200 * kMiB;

class RegionPreparerTest : public testing::Test {
 protected:
  RegionPreparerTest() {
    InitializeCrypto().TakeValue();
    original_last_page_ = swap_.WriteTo(device_);
    device_.FillRandom({100 * kMiB, 100 * kMiB + 64 * kKiB}, 7);
  }

  PrepareRequest Request(PrepareAction action = PrepareAction::kPrepare) const {
    PrepareRequest request;
    request.action = action;
    request.swap_uuid = swap_.uuid;
    request.page_size = swap_.page_size;
    request.ram_bytes = kGiB;
    if (action == PrepareAction::kPrepare) request.reserve = 64 * kMiB;
    return request;
  }

  Result<PreparePlan> Run(const PrepareRequest& request) { return RunOn(device_, regions_, request); }
  Result<PreparePlan> RunOn(FakeBlockDevice& device, FakeStateDirectory& regions, const PrepareRequest& request) {
    RegionStore store(regions);
    KeyStore keys(keys_);
    RegionPreparer preparer(store, keys);
    PreparePlan plan = TRY(preparer.Plan(device, request));
    TRY(preparer.Execute(device, request, plan));
    return plan;
  }
  Result<PreparePlan> Plan(const PrepareRequest& request) {
    RegionStore store(regions_);
    KeyStore keys(keys_);
    return RegionPreparer(store, keys).Plan(device_, request);
  }
  void MustRun(const PrepareRequest& request) {
    const auto plan = Run(request);
    ASSERT_TRUE(plan.ok()) << plan.error().text();
  }
  SwapHeader Header() const { return ReadSwapHeader(device_, swap_.page_size).TakeValue(); }

  // A key record of the region that is there, with a dump of its attempt 1 on the disk if `with_dump`.
  KeyRecord AddRecord(bool with_dump, uint8_t seed = 5) {
    const Stamp stamp = ReadStamps(device_, Header()).TakeValue();
    const Region region = Region::Create(stamp.region).TakeValue();
    KeyRecord record;
    record.credentials = TestCredentials(seed);
    record.credentials.region_id = stamp.region_id;
    record.slot_offset = region.Slot(0).begin;
    record.extent = {region.data().begin, region.data().begin + kMiB};
    record.boot_id = "boot-1";
    record.swap_uuid = FormatUuid(swap_.uuid);
    record.hints = {{"region-begin", std::to_string(stamp.region.begin)},
                    {"region-end", std::to_string(stamp.region.end)},
                    {"device-size", std::to_string(kDeviceBytes)},
                    {"start-sector", "2048"},
                    {"logical-block-size", "512"}};
    KeyStore(keys_).Put(record).TakeValue();
    if (with_dump) {
      DumpPlan plan = RegionPlan(4, kMiB);
      plan.credentials = record.credentials.Copy();
      plan.parameters.layout = record.Layout(1);
      FakeRegionSink sink(device_, stamp.region.begin);
      WriteDump(plan, sink).TakeValue();
      device_.Flush().TakeValue();
      attempt_id_ = plan.parameters.attempt_id;
    }
    return record;
  }

  // Cuts the power at every step of `request`, run on what `make` builds; `check` sees each disk that may be left.
  void CutEverywhere(const PrepareRequest& request, const std::function<void()>& make,
                     const std::function<void(FakeBlockDevice&, FakeStateDirectory&)>& check) {
    make();
    PowerSwitch counter;
    device_.ConnectTo(&counter);
    regions_.ConnectTo(&counter);
    MustRun(request);
    const uint64_t steps = counter.steps();
    ASSERT_GT(steps, 3u);
    for (uint64_t step = 0; step < steps; ++step) {
      for (const auto moment : {PowerSwitch::Moment::kBefore, PowerSwitch::Moment::kAfter}) {
        make();
        PowerSwitch power;
        power.CutAt(step, moment);
        device_.ConnectTo(&power);
        regions_.ConnectTo(&power);
        (void)Run(request);
        ASSERT_FALSE(power.on());
        for (const auto survivors : {FakeBlockDevice::Survivors::kNone, FakeBlockDevice::Survivors::kAll,
                                     FakeBlockDevice::Survivors::kRandom}) {
          FakeBlockDevice left = device_.AfterPowerCut(survivors, step);
          FakeStateDirectory regions;
          regions.files() = regions_.files();
          SCOPED_TRACE("step " + std::to_string(step));
          check(left, regions);
        }
      }
    }
    device_.ConnectTo(nullptr);
    regions_.ConnectTo(nullptr);
  }
  void Fresh() {
    device_.ConnectTo(nullptr);
    regions_.ConnectTo(nullptr);
    FakeBlockDevice fresh(kDeviceBytes);
    swap_.WriteTo(fresh);
    device_.Poke(0, fresh.Peek(0, uint64_t{2} * swap_.page_size));
    // What swap leaves behind, wherever a stamp may come to stand.
    device_.Poke(kDeviceBytes - 66 * kMiB, std::vector<uint8_t>(3 * kMiB, 0x5a));
    device_.Poke(kDeviceBytes - 3 * kMiB, std::vector<uint8_t>(3 * kMiB, 0x5a));
    regions_.files().clear();
    device_.ClearLog();
  }

  SwapBuilder swap_;
  FakeBlockDevice device_{kDeviceBytes};
  FakeStateDirectory regions_;
  FakeStateDirectory keys_;
  uint32_t original_last_page_ = 0;
  DumpId attempt_id_{};
};

TEST_F(RegionPreparerTest, LowersTheHeaderAndStampsTheEnd) {
  const auto plan = Run(Request());
  ASSERT_TRUE(plan.ok()) << plan.error().text();
  EXPECT_EQ(plan.value().change, PrepareChange::kCreate);
  EXPECT_EQ(Header().end(), kDeviceBytes - 64 * kMiB);
  const Result<Stamp> stamp = ReadStamps(device_, Header());
  ASSERT_TRUE(stamp.ok()) << stamp.error().text();
  EXPECT_EQ(stamp.value().region, (Range{kDeviceBytes - 64 * kMiB, kDeviceBytes}));
  EXPECT_EQ(stamp.value().original_last_page, original_last_page_);
  EXPECT_EQ(RegionStore(regions_).ReadAll().value(), (std::vector<StoredRegion>{{stamp.value(), swap_.uuid}}));
}

TEST_F(RegionPreparerTest, ChangesOnlyTheRegionAndFourBytes) {
  const SparseImage before = device_.Snapshot();
  MustRun(Request());
  const Range region{kDeviceBytes - 64 * kMiB, kDeviceBytes};
  EXPECT_EQ(device_.Snapshot().FirstDifference(before, kDeviceBytes, {region, {1028, 1032}}), kDeviceBytes);
  EXPECT_NE(device_.Snapshot().FirstDifference(before, kDeviceBytes, {region}), kDeviceBytes);
}

TEST_F(RegionPreparerTest, WritesStampsThenFlushesThenWritesTheHeaderThenFlushes) {
  MustRun(Request());
  const auto log = device_.Log();
  size_t header_write = log.size();
  size_t last_stamp_write = 0;
  std::vector<size_t> flushes;
  for (size_t i = 0; i < log.size(); ++i) {
    if (log[i].kind == FakeBlockDevice::Kind::kFlush) flushes.push_back(i);
    if (log[i].kind != FakeBlockDevice::Kind::kWrite) continue;
    (log[i].range.begin < 4096 ? header_write : last_stamp_write) = i;
  }
  ASSERT_EQ(flushes.size(), 2u);
  EXPECT_LT(last_stamp_write, flushes[0]);
  EXPECT_LT(flushes[0], header_write);
  EXPECT_LT(header_write, flushes[1]);
}

TEST_F(RegionPreparerTest, DoesNothingWhenAllIsInOrder) {
  MustRun(Request());
  device_.ClearLog();
  PrepareRequest again = Request();
  again.reserve.reset();
  const auto plan = Run(again);
  ASSERT_TRUE(plan.ok()) << plan.error().text();
  EXPECT_EQ(plan.value().change, PrepareChange::kNone);
  EXPECT_EQ(device_.CountOf(FakeBlockDevice::Kind::kWrite), 0u);
}

TEST_F(RegionPreparerTest, StartsAfreshWithANewIdWhenTheHeaderWasRaised) {
  MustRun(Request());
  const RegionId first = RegionStore(regions_).ReadAll().value().at(0).stamp.region_id;
  swap_.WriteTo(device_);  // mkswap with the same UUID, as swapon --fixpgsz does
  const auto plan = Run(Request());
  ASSERT_TRUE(plan.ok()) << plan.error().text();
  EXPECT_EQ(plan.value().change, PrepareChange::kCreate);
  EXPECT_NE(plan.value().stamp->region_id, first);
  EXPECT_EQ(Header().end(), kDeviceBytes - 64 * kMiB);
  EXPECT_EQ(RegionStore(regions_).ReadAll().value().size(), 1u) << "the former record serves nothing";
}

TEST_F(RegionPreparerTest, StartsAfreshFromTheOriginalEndWhenAStampIsDamaged) {
  MustRun(Request());
  device_.Poke(kDeviceBytes - 2 * kMiB - 4096 + 100, std::vector<uint8_t>{1});
  const auto plan = Run(Request());
  ASSERT_TRUE(plan.ok()) << plan.error().text();
  EXPECT_EQ(plan.value().change, PrepareChange::kCreate);
  EXPECT_EQ(plan.value().stamp->original_last_page, original_last_page_) << "the swap must not shrink with each run";
  EXPECT_EQ(Header().end(), kDeviceBytes - 64 * kMiB);
}

TEST_F(RegionPreparerTest, NeverReachesBeyondTheEndThatTheHeaderStates) {
  swap_.last_page = 150 * kMiB / 4096 - 1;
  swap_.WriteTo(device_);
  MustRun(Request());
  EXPECT_EQ(ReadStamps(device_, Header()).value().region.end, 150 * kMiB);
}

TEST_F(RegionPreparerTest, ChangesTheSizeOnlyWhenAsked) {
  MustRun(Request());
  PrepareRequest larger = Request();
  larger.reserve = 80 * kMiB;
  MustRun(larger);
  EXPECT_EQ(Header().end(), kDeviceBytes - 80 * kMiB);
  MustRun(Request());
  EXPECT_EQ(Header().end(), kDeviceBytes - 64 * kMiB);
  EXPECT_EQ(ReadStamps(device_, Header()).value().original_last_page, original_last_page_);
}

TEST_F(RegionPreparerTest, RefusesAnotherSwapThanTheOneThatWasAsked) {
  PrepareRequest request = Request();
  request.swap_uuid[0] ^= 1;
  EXPECT_EQ(Run(request).error().code(), ErrorCode::kRefused);
}

TEST_F(RegionPreparerTest, RefusesBadPages) {
  swap_.bad_pages = {77};
  swap_.WriteTo(device_);
  EXPECT_EQ(Run(Request()).error().code(), ErrorCode::kRefused);
}

TEST_F(RegionPreparerTest, RefusesASuspendSignature) {
  swap_.magic = std::string("S1SUSPEND\0", 10);
  swap_.WriteTo(device_);
  EXPECT_EQ(Run(Request()).error().code(), ErrorCode::kRefused);
}

TEST_F(RegionPreparerTest, RefusesAnythingButASwap) {
  device_.Poke(0, std::vector<uint8_t>(8192, 0));
  EXPECT_EQ(Run(Request()).error().code(), ErrorCode::kRefused);
}

TEST_F(RegionPreparerTest, RefusesASizeThatDoesNotFit) {
  PrepareRequest request = Request();
  request.reserve = kDeviceBytes;
  EXPECT_EQ(Run(request).error().code(), ErrorCode::kRefused);
  request.reserve = 63 * kMiB;
  EXPECT_EQ(Run(request).error().code(), ErrorCode::kRefused);
  request.reserve.reset();  // a swap under 512 MiB
  EXPECT_EQ(Run(request).error().code(), ErrorCode::kRefused);
}

TEST_F(RegionPreparerTest, RefusesTheRegionOfAnotherInstallation) {
  MustRun(Request());
  regions_.files().clear();
  const auto plan = Run(Request());
  ASSERT_FALSE(plan.ok());
  EXPECT_NE(std::string(plan.error().text()).find("--adopt"), std::string::npos);
  EXPECT_FALSE(Run(Request(PrepareAction::kUndo)).ok());
}

TEST_F(RegionPreparerTest, RefusesToUndoWhatAnotherInstallationHasAdopted) {
  MustRun(Request());
  FakeStateDirectory other;
  ASSERT_TRUE(RunOn(device_, other, Request(PrepareAction::kAdopt)).ok());
  EXPECT_EQ(Run(Request(PrepareAction::kUndo)).error().code(), ErrorCode::kRefused);
  EXPECT_EQ(Run(Request()).error().code(), ErrorCode::kRefused);
}

TEST_F(RegionPreparerTest, AdoptGivesTheRegionANewIdAndLeavesTheHeaderAlone) {
  MustRun(Request());
  const Stamp before = ReadStamps(device_, Header()).value();
  regions_.files().clear();
  device_.ClearLog();
  MustRun(Request(PrepareAction::kAdopt));
  Stamp after = ReadStamps(device_, Header()).value();
  EXPECT_NE(after.region_id, before.region_id);
  EXPECT_EQ(RegionStore(regions_).ReadAll().value(), (std::vector<StoredRegion>{{after, swap_.uuid}}));
  after.region_id = before.region_id;
  EXPECT_EQ(after, before);
  for (const auto& operation : device_.Log()) {
    if (operation.kind == FakeBlockDevice::Kind::kWrite) {
      EXPECT_GE(operation.range.begin, kDeviceBytes - 64 * kMiB);
    }
  }
}

TEST_F(RegionPreparerTest, AdoptWantsARegion) {
  EXPECT_EQ(Run(Request(PrepareAction::kAdopt)).error().code(), ErrorCode::kRefused);
}

TEST_F(RegionPreparerTest, UndoRestoresTheHeaderBitByBit) {
  const std::vector<uint8_t> before = device_.Peek(0, kSwapHeadBytes);
  MustRun(Request());
  EXPECT_NE(device_.Peek(0, kSwapHeadBytes), before);
  MustRun(Request(PrepareAction::kUndo));
  EXPECT_EQ(device_.Peek(0, kSwapHeadBytes), before);
  EXPECT_TRUE(AllZero(device_.Peek(kDeviceBytes - 64 * kMiB, 4096)));
  EXPECT_TRUE(AllZero(device_.Peek(kDeviceBytes - 2 * kMiB - 4096, 4096)));
  EXPECT_TRUE(regions_.files().empty());
}

TEST_F(RegionPreparerTest, UndoWritesTheHeaderFirst) {
  MustRun(Request());
  device_.ClearLog();
  MustRun(Request(PrepareAction::kUndo));
  for (const auto& operation : device_.Log()) {
    if (operation.kind != FakeBlockDevice::Kind::kWrite) continue;
    EXPECT_EQ(operation.range.begin, 1024u);
    break;
  }
}

TEST_F(RegionPreparerTest, UndoOfNothingChangesNothing) {
  device_.ClearLog();
  const auto plan = Run(Request(PrepareAction::kUndo));
  ASSERT_TRUE(plan.ok()) << plan.error().text();
  EXPECT_EQ(plan.value().change, PrepareChange::kNone);
  EXPECT_EQ(device_.CountOf(FakeBlockDevice::Kind::kWrite), 0u);
}

TEST_F(RegionPreparerTest, UndoChecksTheStoredLastPageAgainstTheRegion) {
  MustRun(Request());
  StoredRegion wrong = RegionStore(regions_).ReadAll().value().at(0);
  wrong.stamp.original_last_page += 1;
  // The same on the disk, so that only the arithmetic can tell.
  WriteRegion(device_, wrong.stamp).TakeValue();
  RegionStore(regions_).Put(wrong).TakeValue();
  EXPECT_FALSE(Run(Request(PrepareAction::kUndo)).ok());
}

TEST_F(RegionPreparerTest, EveryChangeRefusesWhileADumpWaits) {
  MustRun(Request());
  AddRecord(true);
  PrepareRequest larger = Request();
  larger.reserve = 80 * kMiB;
  device_.ClearLog();
  for (const PrepareRequest& request : {larger, Request(PrepareAction::kAdopt), Request(PrepareAction::kUndo)}) {
    const auto plan = Run(request);
    ASSERT_FALSE(plan.ok());
    EXPECT_NE(std::string(plan.error().text()).find("crashdump recover"), std::string::npos);
  }
  EXPECT_EQ(device_.CountOf(FakeBlockDevice::Kind::kWrite), 0u);
  EXPECT_TRUE(Run(Request()).ok()) << "nothing to change is no danger";
}

TEST_F(RegionPreparerTest, ADumpIsFoundAlsoAfterTheHeaderWasRaised) {
  MustRun(Request());
  AddRecord(true);
  swap_.WriteTo(device_);
  EXPECT_EQ(Run(Request()).error().code(), ErrorCode::kRefused);
}

TEST_F(RegionPreparerTest, ADumpIsFoundAlsoAfterAMkswap) {
  MustRun(Request());
  const KeyRecord record = AddRecord(true);
  swap_.uuid[0] ^= 1;
  swap_.WriteTo(device_);
  EXPECT_EQ(Run(Request()).error().code(), ErrorCode::kRefused);
  KeyStore(keys_).MarkRecovered(record.credentials.key_id, attempt_id_).TakeValue();
  EXPECT_TRUE(Run(Request()).ok());
}

TEST_F(RegionPreparerTest, ADumpOnAnotherDiskIsNoObstacle) {
  MustRun(Request());
  AddRecord(true);
  FakeBlockDevice other(kDeviceBytes);
  swap_.uuid[0] ^= 1;
  swap_.WriteTo(other);
  EXPECT_TRUE(RunOn(other, regions_, Request()).ok());
}

TEST_F(RegionPreparerTest, DiscardingDeletesTheKeys) {
  MustRun(Request());
  AddRecord(true);
  PrepareRequest request = Request(PrepareAction::kUndo);
  request.unrecovered = UnrecoveredDumps::kDiscard;
  const auto plan = Run(request);
  ASSERT_TRUE(plan.ok()) << plan.error().text();
  EXPECT_EQ(plan.value().discarded_keys.size(), 1u);
  EXPECT_TRUE(keys_.files().empty());
}

TEST_F(RegionPreparerTest, ARecoveredOrUnusedRecordIsNoObstacle) {
  MustRun(Request());
  KeyRecord record = AddRecord(true);
  KeyStore(keys_).MarkRecovered(record.credentials.key_id, attempt_id_).TakeValue();
  EXPECT_TRUE(Run(Request(PrepareAction::kAdopt)).ok());
  EXPECT_EQ(keys_.files().size(), 1u) << "whose key it is, is for the key policy";
}

TEST_F(RegionPreparerTest, UndoLeavesNoRecordOfWhatHoldsNoDump) {
  MustRun(Request());
  const KeyRecord recovered = AddRecord(true);
  KeyStore(keys_).MarkRecovered(recovered.credentials.key_id, attempt_id_).TakeValue();
  AddRecord(false, 6);
  // Of a region of another swap, whose places this device has, too.
  KeyRecord foreign = AddRecord(false, 7);
  foreign.credentials.region_id[0] ^= 1;
  foreign.swap_uuid = "5ac1f3d0-0009-4000-8000-000000000009";
  KeyStore(keys_).Put(foreign).TakeValue();
  PrepareRequest request = Request(PrepareAction::kUndo);
  request.identity.size = kDeviceBytes;
  request.identity.start_sector = 2048;
  request.identity.logical_block_size = 512;
  const auto plan = Run(request);
  ASSERT_TRUE(plan.ok()) << plan.error().text();
  EXPECT_TRUE(regions_.files().empty());
  ASSERT_EQ(keys_.files().size(), 1u);
  EXPECT_TRUE(keys_.files().contains(KeyStore::FileName(foreign.credentials.key_id)));
}

TEST_F(RegionPreparerTest, UndoOnACopyOfTheDiskKeepsTheKeysOfTheOther) {
  MustRun(Request());
  AddRecord(false);
  PrepareRequest request = Request(PrepareAction::kUndo);
  request.identity.size = kDeviceBytes;
  request.identity.start_sector = 4096;
  request.identity.logical_block_size = 512;
  ASSERT_TRUE(Run(request).ok());
  EXPECT_EQ(keys_.files().size(), 1u);
  EXPECT_EQ(regions_.files().size(), 1u);
}

TEST_F(RegionPreparerTest, AnUnreadableHeaderPlaceCountsAsADump) {
  MustRun(Request());
  AddRecord(false);
  const Stamp stamp = ReadStamps(device_, Header()).value();
  const uint64_t slot = Region::Create(stamp.region).value().Slot(0).begin + stamp.region.begin;
  device_.FailReadsIn({slot, slot + 4096});
  EXPECT_EQ(Run(Request(PrepareAction::kUndo)).error().code(), ErrorCode::kRefused);
}

TEST_F(RegionPreparerTest, ADamagedKeyRecordCountsAsADump) {
  MustRun(Request());
  const KeyRecord record = AddRecord(false);
  keys_.files()[KeyStore::FileName(record.credentials.key_id)] = "nonsense";
  EXPECT_EQ(Run(Request(PrepareAction::kUndo)).error().code(), ErrorCode::kRefused);
}

TEST_F(RegionPreparerTest, APowerCutInPrepareLeavesAUsableSwapAndASecondRunCompletes) {
  CutEverywhere(
      Request(), [this] { Fresh(); },
      [this](FakeBlockDevice& left, FakeStateDirectory& regions) {
        const Result<SwapHeader> header = ReadSwapHeader(left, 4096);
        ASSERT_TRUE(header.ok()) << header.error().text();
        const uint32_t lowered = static_cast<uint32_t>((kDeviceBytes - 64 * kMiB) / 4096 - 1);
        ASSERT_TRUE(header.value().last_page == original_last_page_ || header.value().last_page == lowered);
        if (header.value().last_page == lowered) {
          ASSERT_TRUE(ReadStamps(left, header.value()).ok()) << "a lowered header without its region";
        }
        const auto again = RunOn(left, regions, Request());
        ASSERT_TRUE(again.ok()) << again.error().text();
        const SwapHeader now = ReadSwapHeader(left, 4096).value();
        EXPECT_EQ(now.last_page, lowered);
        EXPECT_EQ(ReadStamps(left, now).value(), again.value().stamp);
        const auto third = RunOn(left, regions, Request());
        ASSERT_TRUE(third.ok());
        EXPECT_EQ(third.value().change, PrepareChange::kNone);
      });
}

TEST_F(RegionPreparerTest, APowerCutInAChangeOfSizeLeavesAUsableSwapAndASecondRunCompletes) {
  PrepareRequest larger = Request();
  larger.reserve = 65 * kMiB;
  CutEverywhere(
      larger,
      [this] {
        Fresh();
        MustRun(Request());
        device_.Flush().TakeValue();
      },
      [&](FakeBlockDevice& left, FakeStateDirectory& regions) {
        ASSERT_TRUE(ReadSwapHeader(left, 4096).ok());
        ASSERT_TRUE(RunOn(left, regions, larger).ok());
        const SwapHeader now = ReadSwapHeader(left, 4096).value();
        EXPECT_EQ(now.end(), kDeviceBytes - 65 * kMiB);
        EXPECT_EQ(ReadStamps(left, now).value().original_last_page, original_last_page_);
      });
}

TEST_F(RegionPreparerTest, APowerCutInUndoLeavesAUsableSwapAndASecondRunCompletes) {
  std::vector<uint8_t> original;
  CutEverywhere(
      Request(PrepareAction::kUndo),
      [&] {
        Fresh();
        original = device_.Peek(0, 8192);
        MustRun(Request());
        device_.Flush().TakeValue();
      },
      [&](FakeBlockDevice& left, FakeStateDirectory& regions) {
        ASSERT_TRUE(ReadSwapHeader(left, 4096).ok());
        const auto again = RunOn(left, regions, Request(PrepareAction::kUndo));
        ASSERT_TRUE(again.ok()) << again.error().text();
        EXPECT_EQ(left.Peek(0, 8192), original);
        EXPECT_TRUE(AllZero(left.Peek(kDeviceBytes - 64 * kMiB, 4096)));
        EXPECT_TRUE(AllZero(left.Peek(kDeviceBytes - 2 * kMiB - 4096, 4096)));
      });
}

TEST_F(RegionPreparerTest, EveryFailingWriteOrFlushIsReportedAndLeavesAUsableSwap) {
  for (const auto kind : {FakeBlockDevice::Kind::kWrite, FakeBlockDevice::Kind::kFlush}) {
    Fresh();
    MustRun(Request());
    const uint64_t count = device_.CountOf(kind);
    for (uint64_t n = 0; n < count; ++n) {
      Fresh();
      device_.FailAt(kind, n, FakeBlockDevice::Fault::kShort);
      EXPECT_FALSE(Run(Request()).ok());
      EXPECT_TRUE(ReadSwapHeader(device_, 4096).ok());
      EXPECT_TRUE(Run(Request()).ok());
    }
  }
}

// A swap of a machine with pages of 64 KiB, on which last_page counts those.
class RegionPreparer64KiBTest : public RegionPreparerTest {
 protected:
  RegionPreparer64KiBTest() {
    swap_.page_size = 65536;
    original_last_page_ = swap_.WriteTo(device_);
  }
};

TEST_F(RegionPreparer64KiBTest, LastPageCountsPagesOf64KiB) {
  FakeBlockDevice before(device_);
  const auto plan = Run(Request());
  ASSERT_TRUE(plan.ok()) << plan.error().text();
  EXPECT_EQ(original_last_page_, kDeviceBytes / 65536 - 1);
  EXPECT_EQ(plan.value().last_page_now, original_last_page_);
  EXPECT_EQ(Header().last_page, original_last_page_ - 64 * kMiB / 65536);
  EXPECT_EQ(Header().end(), kDeviceBytes - 64 * kMiB);
  const Stamp stamp = ReadStamps(device_, Header()).TakeValue();
  EXPECT_EQ(stamp.region, (Range{kDeviceBytes - 64 * kMiB, kDeviceBytes}));
  EXPECT_EQ(stamp.page_size, 65536u);
  // But for four bytes, all in front of the region is as it was.
  std::vector<uint8_t> front = before.Peek(0, stamp.region.begin);
  const std::vector<uint8_t> now = device_.Peek(0, stamp.region.begin);
  std::copy_n(now.begin() + kLastPageOffset, 4, front.begin() + kLastPageOffset);
  EXPECT_EQ(front, now);
  EXPECT_EQ(Run(Request()).value().change, PrepareChange::kNone);
}

TEST_F(RegionPreparer64KiBTest, UndoGivesTheHeaderBack) {
  const std::vector<uint8_t> before = device_.Peek(0, 65536);
  MustRun(Request());
  MustRun(Request(PrepareAction::kUndo));
  EXPECT_EQ(device_.Peek(0, 65536), before);
}

TEST_F(RegionPreparer64KiBTest, APieceOfAPageAtTheEndIsNotTheSwaps) {
  FakeBlockDevice odd(kDeviceBytes + 20 * kKiB);
  swap_.WriteTo(odd);
  PrepareRequest request = Request();
  request.reserve = 64 * kMiB + 4096;
  const auto plan = RunOn(odd, regions_, request);
  ASSERT_TRUE(plan.ok()) << plan.error().text();
  EXPECT_EQ(plan.value().stamp->region, (Range{kDeviceBytes - 64 * kMiB - 64 * kKiB, kDeviceBytes}));
}

TEST_F(RegionPreparer64KiBTest, APowerCutLeavesAUsableSwapAndASecondRunCompletes) {
  CutEverywhere(
      Request(), [this] { Fresh(); },
      [this](FakeBlockDevice& left, FakeStateDirectory& regions) {
        const Result<SwapHeader> header = ReadSwapHeader(left, 65536);
        ASSERT_TRUE(header.ok()) << header.error().text();
        const Result<PreparePlan> again = RunOn(left, regions, Request());
        ASSERT_TRUE(again.ok()) << again.error().text();
        EXPECT_EQ(ReadSwapHeader(left, 65536).value().end(), kDeviceBytes - 64 * kMiB);
        EXPECT_TRUE(CheckStamps(left, *again.value().stamp).ok());
      });
}

TEST_F(RegionPreparer64KiBTest, AKernelOfOtherPagesRefusesIt) {
  PrepareRequest request = Request();
  request.page_size = 4096;
  const auto refused = Plan(request);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(std::string(refused.error().text()).find("pages of 64 KiB, this kernel has pages of 4 KiB"),
            std::string::npos);
}

TEST_F(RegionPreparerTest, AKernelOfOtherPagesRefusesIt) {
  PrepareRequest request = Request();
  request.page_size = 65536;
  const auto refused = Plan(request);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(std::string(refused.error().text()).find("pages of 4 KiB, this kernel has pages of 64 KiB"),
            std::string::npos);
}

}  // namespace
}  // namespace crashdump
