// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/target_description.h"

#include <cinttypes>

#include "common/base/parse.h"
#include "common/base/text_record.h"

namespace crashdump {
namespace {

constexpr uint64_t kVersion = 1;

// "device.0.size", "extent.0.begin"
std::string LineKey(const char* list, size_t index, const std::string& name) {
  return std::string(list) + "." + std::to_string(index) + "." + name;
}

// "control.3.2": slot 3, attempt 2.
std::string ControlName(unsigned slot, unsigned attempt) {
  return "control." + std::to_string(slot) + "." + std::to_string(attempt);
}

// Serial and model come from the device as they are, so as hexadecimal.
void AddRaw(TextRecord& record, const std::string& key, const std::string& value) {
  if (!value.empty()) record.AddHex(key, BytesOf(value));
}

Result<std::string> Raw(const TextRecord& record, const std::string& key) {
  const std::optional<std::string_view> digits = record.Find(key);
  if (!digits) return std::string();
  std::vector<uint8_t> bytes(digits->size() / 2);
  TRY(ParseHex(*digits, bytes), "\"%s\"", key.c_str());
  return std::string(TextOf(bytes));
}

Result<uint32_t> Number32(const TextRecord& record, const std::string& key) {
  const uint64_t number = TRY(record.Number(key));
  if (number > UINT32_MAX) return Error::Format(ErrorCode::kCorrupt, "\"%s\" is too large", key.c_str());
  return static_cast<uint32_t>(number);
}

Result<Range> ReadRange(const TextRecord& record, const std::string& begin_key, const std::string& end_key) {
  const uint64_t begin = TRY(record.Number(begin_key));
  const uint64_t end = TRY(record.Number(end_key));
  if (begin > end) return Error::Format(ErrorCode::kCorrupt, "\"%s\" is before its begin", end_key.c_str());
  return Range{begin, end};
}

void AddDevice(TextRecord& record, size_t index, const TargetDevice& device) {
  const auto key = [index](const std::string& name) { return LineKey("device", index, name); };
  record.AddNumber(key("size"), device.size);
  record.AddNumber(key("disk-size"), device.disk_size);
  record.AddNumber(key("logical-block-size"), device.logical_block_size);
  record.AddNumber(key("start-sector"), device.start_sector);
  if (!device.part_uuid.empty()) record.Add(key("partuuid"), device.part_uuid);
  AddRaw(record, key("serial"), device.serial);
  AddRaw(record, key("model"), device.model);
  for (const DeviceDriver& driver : device.drivers) record.Add(key("driver"), FormatDriver(driver));
  record.Add(key("swap-uuid"), FormatUuid(device.swap_uuid));
  record.AddNumber(key("page-size"), device.page_size);
  record.AddNumber(key("last-page"), device.last_page);
  record.AddNumber(key("region-begin"), device.region.begin);
  record.AddNumber(key("region-end"), device.region.end);
  record.AddHex(key("region-id"), device.region_id);
  record.AddHex(key("start-stamp"), device.start_stamp);
  record.AddHex(key("end-stamp"), device.end_stamp);
  for (unsigned slot = 0; slot < kSlotCount; ++slot) {
    for (unsigned attempt = 1; attempt <= kAttempts; ++attempt) {
      record.AddHex(key(ControlName(slot, attempt)), device.control_blocks.at(slot).at(attempt - 1));
    }
  }
}

Result<> CheckDevice(const TargetDevice& device) {
  const Region region = TRY(Region::Create(device.region));
  if (region.device_range().end > device.size) {
    return Error::Format(ErrorCode::kCorrupt, "the region's end lies beyond the device's");
  }
  if (!IsPowerOfTwo(device.page_size) || device.page_size < kSmallestPageSize || device.page_size > kLargestPageSize ||
      (uint64_t{device.last_page} + 1) * device.page_size > device.region.begin) {
    return Error::Format(ErrorCode::kCorrupt, "pages of %u bytes up to last_page %u do not leave the region out",
                         device.page_size, device.last_page);
  }
  return {};
}

Result<TargetDevice> ReadDevice(const TextRecord& record, size_t index) {
  const auto key = [index](const std::string& name) { return LineKey("device", index, name); };
  TargetDevice device;
  device.size = TRY(record.Number(key("size")));
  device.disk_size = TRY(record.Number(key("disk-size")));
  device.logical_block_size = TRY(Number32(record, key("logical-block-size")));
  device.start_sector = TRY(record.Number(key("start-sector")));
  device.part_uuid = record.Find(key("partuuid")).value_or("");
  device.serial = TRY(Raw(record, key("serial")));
  device.model = TRY(Raw(record, key("model")));
  for (const std::string_view driver : record.FindAll(key("driver"))) {
    device.drivers.push_back(TRY(ParseDriver(driver)));
  }
  const std::string_view uuid = TRY(record.Text(key("swap-uuid")));
  device.swap_uuid = TRY(ParseUuid(uuid));
  device.page_size = TRY(Number32(record, key("page-size")));
  device.last_page = TRY(Number32(record, key("last-page")));
  device.region = TRY(ReadRange(record, key("region-begin"), key("region-end")));
  TRY(record.Hex(key("region-id"), device.region_id));
  TRY(record.Hex(key("start-stamp"), device.start_stamp));
  TRY(record.Hex(key("end-stamp"), device.end_stamp));
  for (unsigned slot = 0; slot < kSlotCount; ++slot) {
    for (unsigned attempt = 1; attempt <= kAttempts; ++attempt) {
      TRY(record.Hex(key(ControlName(slot, attempt)), device.control_blocks.at(slot).at(attempt - 1)));
    }
  }
  TRY(CheckDevice(device));
  return device;
}

Result<TargetExtent> ReadExtent(const TextRecord& record, size_t index) {
  TargetExtent extent;
  extent.device = TRY(record.Number(LineKey("extent", index, "device")));
  extent.range = TRY(ReadRange(record, LineKey("extent", index, "begin"), LineKey("extent", index, "end")));
  return extent;
}

}  // namespace

Result<TargetDevice> DescribeDevice(const ByteSource& device, const DeviceIdentity& identity, uint32_t page_size) {
  const SwapHeader header = TRY(ReadSwapHeader(device, page_size));
  const Stamp stamp = TRY(ReadStamps(device, header));
  const Region region = TRY(Region::Create(stamp.region));
  TargetDevice described;
  described.size = device.size();
  described.disk_size = identity.disk_size;
  described.logical_block_size = identity.logical_block_size;
  described.start_sector = identity.start_sector;
  described.part_uuid = identity.part_uuid;
  described.serial = identity.serial;
  described.model = identity.model;
  described.drivers = identity.drivers;
  described.swap_uuid = header.uuid;
  described.page_size = header.page_size;
  described.last_page = header.last_page;
  described.region = stamp.region;
  described.region_id = stamp.region_id;
  // ReadStamps() has compared every byte of them with what these make.
  described.start_stamp = Hash256(EncodeStamp(stamp, StampKind::kStart));
  described.end_stamp = Hash256(EncodeStamp(stamp, StampKind::kEnd));
  described.control_blocks = TRY(HashControlBlocks(device, region));
  return described;
}

std::string FormatTargetDescription(const TargetDescription& description) {
  TextRecord record;
  record.AddNumber("version", kVersion);
  record.AddNumber("slot", description.slot);
  if (description.kept_samples) record.AddHex("kept-samples", *description.kept_samples);
  record.AddNumber("devices", description.devices.size());
  record.AddNumber("extents", description.extents.size());
  for (size_t i = 0; i < description.extents.size(); ++i) {
    const TargetExtent& extent = description.extents[i];
    record.AddNumber(LineKey("extent", i, "device"), extent.device);
    record.AddNumber(LineKey("extent", i, "begin"), extent.range.begin);
    record.AddNumber(LineKey("extent", i, "end"), extent.range.end);
  }
  for (size_t i = 0; i < description.devices.size(); ++i) AddDevice(record, i, description.devices[i]);
  return record.ToString();
}

Result<TargetDescription> ParseTargetDescription(std::string_view text) {
  const TextRecord record = TRY(TextRecord::Parse(text));
  const uint64_t version = TRY(record.Number("version"));
  const uint64_t devices = TRY(record.Number("devices"));
  const uint64_t extents = TRY(record.Number("extents"));
  if (version != kVersion || devices != 1 || extents != 1) {
    return Error::Format(ErrorCode::kUnsupported,
                         "version %" PRIu64 ", %" PRIu64 " devices, %" PRIu64
                         " extents; this program knows version %" PRIu64 ", one device and one extent",
                         version, devices, extents, kVersion);
  }
  TargetDescription description;
  const uint32_t slot = TRY(Number32(record, "slot"));
  if (slot >= kSlotCount) return Error::Format(ErrorCode::kCorrupt, "there is no slot %u", slot);
  description.slot = slot;
  if (record.Find("kept-samples")) TRY(record.Hex("kept-samples", description.kept_samples.emplace()));
  description.devices.push_back(TRY(ReadDevice(record, 0)));
  description.extents.push_back(TRY(ReadExtent(record, 0)));
  const TargetExtent& extent = description.extents.front();
  const Region region = TRY(Region::Create(description.device().region));
  if (extent.device != 0 || !region.data().Contains(extent.range) || !IsAligned(extent.range.begin, kDiskUnit) ||
      !IsAligned(extent.range.end, kDiskUnit)) {
    return Error::Format(ErrorCode::kCorrupt,
                         "the extent %" PRIu64 " to %" PRIu64 " does not lie in the region's page data",
                         extent.range.begin, extent.range.end);
  }
  return description;
}

}  // namespace crashdump
