// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/region_preparer.h"

#include <algorithm>
#include <cinttypes>
#include <string>

#include "common/base/parse.h"
#include "common/base/range_source.h"
#include "common/format/key_policy.h"
#include "common/storage/device_hints.h"
#include "common/storage/region.h"

namespace crashdump {

// What Plan() finds before it decides.
struct RegionPreparer::Situation {
  SwapHeader header;
  std::vector<StoredRegion> stored;     // of this swap
  std::optional<Stamp> own;             // the header is lowered and both stamps match this stored one
  std::optional<Stamp> on_disk;         // valid stamps where the swap ends, whoever made them
  std::optional<Stamp> lowered_record;  // stored, and the header is lowered to it, whatever the stamps are
};

namespace {

// Whether a CheckStamps() or ReadStamps() that failed has seen that there are no such stamps. A device that cannot be
// read and stamps of a later version say nothing of the kind.
bool HasSeenNone(const Error& error) {
  return error.code() == ErrorCode::kNotFound || error.code() == ErrorCode::kCorrupt ||
         error.code() == ErrorCode::kRefused;
}

// What `prepare` found as last_page must still be where it says: at the region's end, and on the device.
Result<> CheckOriginal(const BlockDevice& device, const Stamp& stamp) {
  const uint64_t end = (uint64_t{stamp.original_last_page} + 1) * stamp.page_size;
  if (end != stamp.region.end || end > device.size()) {
    return Error::Format(ErrorCode::kRefused,
                         "the recorded last page of the swap, %u, ends at byte %" PRIu64 ", but the region at %" PRIu64
                         " and the device at %" PRIu64,
                         stamp.original_last_page, end, stamp.region.end, device.size());
  }
  return {};
}

bool Contains(const std::vector<RegionId>& ids, const RegionId& id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

// Without stamps no image writes to a region any more, whether it is loaded or comes back from hibernation: what is not
// there under this key never will be. But a copy of the disk that the record means says nothing of that disk.
bool IsSpentByUndo(const KeyRecord& record, const PrepareRequest& request, const PreparePlan& plan) {
  if (request.action != PrepareAction::kUndo) return false;
  const Result<DeviceHints> hints = ParseHints(record.hints);
  return hints.ok() && SameDevice(hints.value(), request.identity) &&
         Contains(plan.former_regions, record.credentials.region_id);
}

// Where the dumps of a record are, from its own hints or the stored region.
std::optional<Range> RegionBounds(const KeyRecord& record, const std::vector<StoredRegion>& stored) {
  const Result<DeviceHints> hints = ParseHints(record.hints);
  if (hints.ok()) return hints.value().region;
  for (const StoredRegion& region : stored) {
    if (region.stamp.region_id == record.credentials.region_id) return region.stamp.region;
  }
  return std::nullopt;
}

}  // namespace

Result<RegionPreparer::Situation> RegionPreparer::Examine(const BlockDevice& device,
                                                          const PrepareRequest& request) const {
  Situation situation;
  situation.header = TRY(ReadSwapHeader(device, request.page_size));
  if (situation.header.uuid != request.swap_uuid) {
    return Error::Format(ErrorCode::kRefused, "the swap's UUID is %s, not %s",
                         FormatUuid(situation.header.uuid).c_str(), FormatUuid(request.swap_uuid).c_str());
  }
  const std::vector<StoredRegion> stored = TRY(regions_.ReadAll());
  for (const StoredRegion& region : stored) {
    if (region.swap_uuid != request.swap_uuid) continue;
    situation.stored.push_back(region);
    const Stamp& stamp = region.stamp;
    if (stamp.page_size != situation.header.page_size || stamp.region.end > device.size() ||
        LoweredLastPage(stamp) != situation.header.last_page) {
      continue;
    }
    situation.lowered_record = stamp;
    const Result<> match = CheckStamps(device, stamp);
    if (match.ok()) {
      situation.own = stamp;
    } else if (!HasSeenNone(match.error())) {
      return match.error();
    }
  }
  const Result<Stamp> on_disk = ReadStamps(device, situation.header);
  if (on_disk.ok()) {
    situation.on_disk = on_disk.value();
  } else if (!HasSeenNone(on_disk.error())) {
    return on_disk.error();
  }
  return situation;
}

Result<PreparePlan> RegionPreparer::PlanPrepare(const Situation& situation, const BlockDevice& device,
                                                const PrepareRequest& request) const {
  PreparePlan plan;
  if (situation.own) {
    const uint64_t size = situation.own->region.size();
    if (!request.reserve || AlignUp(*request.reserve, request.page_size) == size) {
      plan.stamp = situation.own;
      return plan;
    }
  } else if (situation.on_disk) {
    // Another installation may have a dump there, and only it has the key.
    return Error::Format(ErrorCode::kRefused,
                         "there is a region of another installation (%s): `crashdump prepare --adopt` takes it over",
                         ToHex(situation.on_disk->region_id).c_str());
  }
  // A header that is lowered to a region of ours is not where the swap ends: prepare afresh from what it was before, or
  // each run would take another piece of the swap. Everything else counts as it stands: what lies behind the swap's end
  // is not proven to be free.
  SwapHeader basis = situation.header;
  const std::optional<Stamp>& former = situation.own ? situation.own : situation.lowered_record;
  if (former) {
    TRY(CheckOriginal(device, *former));
    basis.last_page = former->original_last_page;
  }
  const uint64_t size = TRY(ChooseRegionSize(request.reserve, request.ram_bytes, basis.end()));
  plan.change = PrepareChange::kCreate;
  plan.stamp = TRY(PlanRegion(basis, size));
  return plan;
}

Result<PreparePlan> RegionPreparer::PlanAdopt(const Situation& situation, const BlockDevice& device) const {
  if (!situation.on_disk) {
    return Error::Format(ErrorCode::kRefused, "there is no region to adopt: run `crashdump prepare` without --adopt");
  }
  PreparePlan plan;
  plan.change = PrepareChange::kAdopt;
  plan.stamp = situation.on_disk;
  TRY(CheckOriginal(device, *plan.stamp));
  TRY(RandomBytes(plan.stamp->region_id), "region id");
  return plan;
}

Result<PreparePlan> RegionPreparer::PlanUndo(const Situation& situation, const BlockDevice& device) const {
  PreparePlan plan;
  if (situation.own) {
    plan.stamp = situation.own;
  } else if (situation.on_disk) {
    return Error::Format(ErrorCode::kRefused,
                         "the region (%s) is another installation's: `crashdump prepare --adopt` takes it over",
                         ToHex(situation.on_disk->region_id).c_str());
  } else if (situation.lowered_record) {
    plan.stamp = situation.lowered_record;
  } else {
    // An undo that was cut off behind its first write: the header is as it was, a stamp of ours still stands.
    for (const StoredRegion& region : situation.stored) {
      const Stamp& stamp = region.stamp;
      if (stamp.original_last_page != situation.header.last_page || stamp.region.end != situation.header.end()) {
        continue;
      }
      StampBytes start{};
      TRY(device.ReadAt(stamp.region.begin, start), "start stamp");
      StampBytes end{};
      TRY(device.ReadAt(stamp.region.end - kZeroTailBytes - kStampBytes, end), "end stamp");
      if (start == EncodeStamp(stamp, StampKind::kStart) || end == EncodeStamp(stamp, StampKind::kEnd)) {
        plan.stamp = stamp;
      }
    }
    if (!plan.stamp) return plan;
  }
  TRY(CheckOriginal(device, *plan.stamp));
  plan.change = PrepareChange::kUndo;
  return plan;
}

Result<> RegionPreparer::AddRecords(const Situation& situation, const BlockDevice& device,
                                    const PrepareRequest& request, PreparePlan& plan) const {
  const KeyStore::Contents keys = TRY(keys_.ReadAll(), "key records");
  const bool discard = request.unrecovered == UnrecoveredDumps::kDiscard;
  if (!keys.damaged.empty() && !discard) {
    return Error::Format(ErrorCode::kRefused,
                         "key record %s is damaged (%s), so that nobody knows which dump it belongs to "
                         "(--discard-dumps goes on regardless)",
                         keys.damaged.front().name.c_str(), keys.damaged.front().error.text());
  }
  if (situation.on_disk) plan.former_regions.push_back(situation.on_disk->region_id);
  for (const StoredRegion& region : situation.stored) plan.former_regions.push_back(region.stamp.region_id);
  std::vector<RegionId> needed;
  for (const KeyRecord& record : keys.records) {
    const RegionId& region_id = record.credentials.region_id;
    const bool is_of_swap =
        record.swap_uuid == FormatUuid(request.swap_uuid) || Contains(plan.former_regions, region_id);
    const std::optional<Range> bounds = RegionBounds(record, situation.stored);
    const bool may_be_here = bounds && bounds->end <= device.size();
    // A mkswap gives the swap another UUID and leaves the dumps where they are, so that every record counts whose
    // places this device has.
    if (!is_of_swap && !may_be_here) continue;
    const AttemptStates states = may_be_here ? InspectAttempts(RangeSource(device, *bounds), record) : kUnknownAttempts;
    if (!MayHoldDump(states)) {
      const bool is_spent = IsSpentByUndo(record, request, plan);
      if (is_spent) plan.spent_keys.push_back(record.credentials.key_id);
      if (!is_spent) needed.push_back(region_id);
      continue;
    }
    if (!discard) {
      return Error::Format(ErrorCode::kRefused,
                           "a dump that has not been recovered may be in the region (key record %s): run `crashdump "
                           "recover` first, or give it up with --discard-dumps",
                           ToHex(record.credentials.key_id).c_str());
    }
    plan.discarded_keys.push_back(record.credentials.key_id);
  }
  for (const StoredRegion& region : situation.stored) {
    const RegionId& region_id = region.stamp.region_id;
    if (!Contains(needed, region_id)) plan.obsolete_regions.push_back(region_id);
  }
  return {};
}

Result<PreparePlan> RegionPreparer::Plan(const BlockDevice& device, const PrepareRequest& request) const {
  const Situation situation = TRY(Examine(device, request));
  PreparePlan plan;
  switch (request.action) {
    case PrepareAction::kPrepare:
      plan = TRY(PlanPrepare(situation, device, request));
      break;
    case PrepareAction::kAdopt:
      plan = TRY(PlanAdopt(situation, device));
      break;
    case PrepareAction::kUndo:
      plan = TRY(PlanUndo(situation, device));
      break;
  }
  plan.page_size = situation.header.page_size;
  plan.last_page_now = plan.last_page_then = situation.header.last_page;
  if (plan.change == PrepareChange::kNone) return plan;
  plan.last_page_then =
      plan.change == PrepareChange::kUndo ? plan.stamp->original_last_page : LoweredLastPage(*plan.stamp);
  TRY(AddRecords(situation, device, request, plan));
  return plan;
}

Result<> RegionPreparer::Execute(BlockDevice& device, const PrepareRequest& request, const PreparePlan& plan) {
  if (plan.change == PrepareChange::kNone) return {};
  const bool header_changes = plan.last_page_now != plan.last_page_then;
  if (plan.change == PrepareChange::kUndo) {
    if (header_changes) TRY(WriteLastPage(device, plan.last_page_now, plan.last_page_then), "swap header");
    TRY(EraseStamps(device, *plan.stamp));
  } else {
    // The record comes first: a lowered header whose region nobody has recorded would be another installation's.
    TRY(regions_.Put({*plan.stamp, request.swap_uuid}));
    TRY(WriteRegion(device, *plan.stamp));
    if (header_changes) TRY(WriteLastPage(device, plan.last_page_now, plan.last_page_then), "swap header");
  }
  for (const DumpId& key_id : plan.discarded_keys) TRY(keys_.Remove(key_id), "key record");
  for (const DumpId& key_id : plan.spent_keys) TRY(keys_.Remove(key_id), "key record");
  for (const RegionId& region_id : plan.obsolete_regions) TRY(regions_.Remove(region_id));
  return {};
}

}  // namespace crashdump
