// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/arming_place.h"

#include <algorithm>

#include "common/base/parse.h"
#include "common/base/range_source.h"
#include "common/crypto/crypto.h"
#include "common/storage/device_hints.h"
#include "common/storage/region_store.h"
#include "common/storage/target_proof.h"
#include "loader/system_facts.h"
#include "loader/target.h"

namespace crashdump {

Result<ArmingTarget> OpenArmingTarget(const Machine& machine, const StateDirectories& state, const Uuid& uuid) {
  ArmingTarget target;
  target.identity = TRY(FindTarget(machine, uuid));
  const char* const name = target.identity.name.c_str();
  target.device = TRY(machine.OpenDevice(target.identity, OpenMode::kReadOnly), "%s", name);
  const Result<TargetDevice> described = DescribeDevice(*target.device, target.identity, machine.PageSize());
  if (!described.ok() && described.error().code() == ErrorCode::kNotFound) {
    return Error::Format(ErrorCode::kRefused, "%s: %s: run `crashdump prepare` first", name, described.error().text());
  }
  target.described = TRY(described, "%s", name);
  const std::vector<StoredRegion> stored = TRY(RegionStore(state.regions).ReadAll());
  const auto own = std::find_if(stored.begin(), stored.end(), [&](const StoredRegion& region) {
    return region.stamp.region_id == target.described.region_id;
  });
  if (own == stored.end()) {
    return Error::Format(
        ErrorCode::kRefused,
        "%s: the region (%s) is another installation's, or /var is not mounted yet: `crashdump prepare "
        "--adopt` takes it over",
        name, ToHex(target.described.region_id).c_str());
  }
  TRY(CheckStamps(*target.device, own->stamp), "%s", name);
  return target;
}

Result<Occupancy> OccupancyOf(const ArmingTarget& target, const KeyStore::Contents& keys) {
  if (!keys.damaged.empty()) {
    const KeyStore::Damaged& damaged = keys.damaged.front();
    return Error::Format(
        ErrorCode::kRefused,
        "key record %s is damaged (%s): its dump could be anywhere in the region; repair it, or remove "
        "it from %s to give that dump up",
        damaged.name.c_str(), damaged.error.text(), kKeysPath);
  }
  const Region region = TRY(Region::Create(target.described.region));
  return ComputeOccupancy(RangeSource(*target.device, target.described.region), region, target.described.region_id,
                          keys.records);
}

Result<Allocation> Allocate(const ArmingTarget& target, Occupancy occupancy) {
  const Region region = TRY(Region::Create(target.described.region));
  const std::optional<unsigned> slot = FreeSlot(occupancy);
  if (!slot) {
    return Error::Format(ErrorCode::kNoSpace,
                         "%s: of %u message slots none is free of dumps that have not been recovered: run `crashdump "
                         "recover`",
                         target.identity.name.c_str(), kSlotCount);
  }
  Allocation allocation;
  allocation.slot = *slot;
  allocation.slot_range = region.Slot(*slot);
  allocation.extent = LargestFreeExtent(region, occupancy);
  allocation.occupancy = std::move(occupancy);
  return allocation;
}

Result<KeyRecord> MakeKeyRecord(const Machine& machine, const ArmingTarget& target, const Allocation& allocation) {
  KeyRecord record;
  record.credentials.region_id = target.described.region_id;
  TRY(RandomBytes(record.credentials.key_id), "key id");
  record.slot_index = allocation.slot;
  record.slot_offset = allocation.slot_range.begin;
  record.extent = allocation.extent;
  record.boot_id = TRY(BootId(machine));
  record.swap_uuid = FormatUuid(target.described.swap_uuid);
  record.created = machine.SecondsSince1970();
  record.hints = HintsOf(target.described);
  return record;
}

Result<TargetDescription> DescribeTarget(const ArmingTarget& target, unsigned slot, const Range& extent, PlaceUse use) {
  TargetDescription description;
  description.devices.push_back(target.described);
  description.extents.push_back({0, extent});
  description.slot = slot;
  if (use == PlaceUse::kKept) {
    const Region region = TRY(Region::Create(target.described.region));
    description.kept_samples = TRY(HashSamples(*target.device, region, extent), "%s", target.identity.name.c_str());
  }
  const TargetDescription parsed = TRY(ParseTargetDescription(FormatTargetDescription(description)), "description");
  TRY(Prove(parsed, *target.device, target.identity, 1), "%s", target.identity.name.c_str());
  return description;
}

}  // namespace crashdump
