// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/region_store.h"

#include "common/base/parse.h"
#include "common/base/text_record.h"

namespace crashdump {
namespace {

constexpr std::string_view kSwapUuid = "swap-uuid";

Result<StoredRegion> ParseRegion(std::string_view text) {
  const TextRecord record = TRY(TextRecord::Parse(text));
  StoredRegion region;
  region.stamp = TRY(StampFromRecord(record));
  const std::string_view uuid = TRY(record.Text(kSwapUuid));
  region.swap_uuid = TRY(ParseUuid(uuid), "swap-uuid");
  return region;
}

}  // namespace

std::string RegionStore::FileName(const RegionId& region_id) { return ToHex(region_id); }

Result<std::vector<StoredRegion>> RegionStore::ReadAll() const {
  std::vector<StoredRegion> regions;
  const std::vector<std::string> names = TRY(directory_.List(), "region records");
  for (const std::string& name : names) {
    const std::optional<std::string> text = TRY(directory_.Read(name), "region record %s", name.c_str());
    if (!text) continue;
    StoredRegion region = TRY(ParseRegion(*text), "region record %s", name.c_str());
    if (FileName(region.stamp.region_id) != name) {
      return Error::Format(ErrorCode::kCorrupt, "region record %s: holds the region id %s", name.c_str(),
                           ToHex(region.stamp.region_id).c_str());
    }
    regions.push_back(region);
  }
  return regions;
}

Result<> RegionStore::Put(const StoredRegion& region) {
  TextRecord record;
  AddStamp(region.stamp, record);
  record.Add(kSwapUuid, FormatUuid(region.swap_uuid));
  TRY(directory_.Replace(FileName(region.stamp.region_id), record.ToString()), "region record");
  return {};
}

Result<> RegionStore::Remove(const RegionId& region_id) {
  TRY(directory_.Remove(FileName(region_id)), "region record");
  return {};
}

}  // namespace crashdump
