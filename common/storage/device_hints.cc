// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/device_hints.h"

#include <algorithm>

#include "common/base/text_record.h"

namespace crashdump {
namespace {

constexpr const char* kRegionBegin = "region-begin";
constexpr const char* kRegionEnd = "region-end";
constexpr const char* kDeviceSize = "device-size";
constexpr const char* kStartSector = "start-sector";
constexpr const char* kLogicalBlockSize = "logical-block-size";
constexpr const char* kPartUuid = "part-uuid";
constexpr const char* kSerial = "serial";
constexpr const char* kModel = "model";

bool IsPrintable(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char character) { return character >= 0x20 && character < 0x7f; });
}

void AddText(HintList& hints, const char* name, const std::string& value) {
  if (!value.empty() && IsPrintable(value)) hints.emplace_back(name, value);
}

bool Fits(const std::string& recorded, const std::string& live) { return recorded.empty() || recorded == live; }

}  // namespace

HintList HintsOf(const TargetDevice& device) {
  HintList hints;
  hints.emplace_back(kRegionBegin, std::to_string(device.region.begin));
  hints.emplace_back(kRegionEnd, std::to_string(device.region.end));
  hints.emplace_back(kDeviceSize, std::to_string(device.size));
  hints.emplace_back(kStartSector, std::to_string(device.start_sector));
  hints.emplace_back(kLogicalBlockSize, std::to_string(device.logical_block_size));
  AddText(hints, kPartUuid, device.part_uuid);
  AddText(hints, kSerial, device.serial);
  AddText(hints, kModel, device.model);
  return hints;
}

Result<DeviceHints> ParseHints(const HintList& list) {
  TextRecord record;
  for (const auto& [name, value] : list) record.Add(name, value);
  DeviceHints hints;
  hints.region.begin = TRY(record.Number(kRegionBegin));
  hints.region.end = TRY(record.Number(kRegionEnd));
  hints.device_size = TRY(record.Number(kDeviceSize));
  hints.start_sector = TRY(record.Number(kStartSector));
  const uint64_t logical_block_size = TRY(record.Number(kLogicalBlockSize));
  if (hints.region.begin > hints.region.end || logical_block_size > kDiskUnit) {
    return Error::Format(ErrorCode::kInvalidArgument, "the recorded bounds or block size of the region cannot be");
  }
  hints.logical_block_size = static_cast<uint32_t>(logical_block_size);
  hints.part_uuid = record.Find(kPartUuid).value_or("");
  hints.serial = record.Find(kSerial).value_or("");
  hints.model = record.Find(kModel).value_or("");
  return hints;
}

bool SameDevice(const DeviceHints& hints, const DeviceIdentity& identity) {
  return hints.device_size == identity.size && hints.start_sector == identity.start_sector &&
         hints.logical_block_size == identity.logical_block_size && Fits(hints.part_uuid, identity.part_uuid) &&
         Fits(hints.serial, identity.serial) && Fits(hints.model, identity.model);
}

}  // namespace crashdump
