// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/region.h"

#include <algorithm>
#include <cinttypes>

#include "common/base/parse.h"

namespace crashdump {
namespace {

constexpr uint64_t kAutoLeast = 256 * kMiB;
constexpr uint64_t kAutoMost = 16 * kGiB;
constexpr uint64_t kAutoLeastSwap = 512 * kMiB;

constexpr uint64_t kZeroWriteBytes = 256 * kKiB;
static_assert(kZeroTailBytes % kZeroWriteBytes == 0);

Result<StampBytes> ReadStampBytes(const ByteSource& device, uint64_t device_offset, const char* name) {
  StampBytes bytes;
  TRY(device.ReadAt(device_offset, bytes), "%s stamp", name);
  return bytes;
}

Result<> WriteStamp(BlockDevice& device, uint64_t device_offset, Bytes bytes) {
  const AlignedMemory buffer = TRY(AllocateAligned(kStampBytes));
  memcpy(buffer.get(), bytes.data(), kStampBytes);
  return device.WriteAt(device_offset, {buffer.get(), kStampBytes});
}

Result<Region> RegionOn(const ByteSource& device, const Stamp& stamp) {
  Region region = TRY(Region::Create(stamp.region));
  if (stamp.region.end > device.size()) {
    return Error::Format(ErrorCode::kCorrupt,
                         "the region's end at %" PRIu64 " lies beyond the device's end at %" PRIu64, stamp.region.end,
                         device.size());
  }
  return region;
}

}  // namespace

Result<Region> Region::Create(Range bounds) {
  if (bounds.begin > bounds.end || !IsAligned(bounds.begin, kDiskUnit) || !IsAligned(bounds.end, kDiskUnit) ||
      bounds.size() < kSmallestRegionBytes || bounds.size() > kLargestRegionBytes) {
    return Error::Format(ErrorCode::kInvalidArgument, "no region can have the bounds %" PRIu64 " to %" PRIu64,
                         bounds.begin, bounds.end);
  }
  return Region(bounds);
}

Range Region::Slot(unsigned slot) const {
  Require(slot < kSlotCount);
  const uint64_t begin = slots().begin + slot * kSlotBytes;
  return {begin, begin + kSlotBytes};
}

AttemptPlaces Region::Places(unsigned slot, unsigned attempt) const {
  Require(attempt >= 1 && attempt <= kAttempts);
  const uint64_t begin = Slot(slot).begin;
  const unsigned index = attempt - 1;
  const uint64_t header = begin + index * kDiskUnit;
  const uint64_t trailer = begin + (kAttempts + index) * kDiskUnit;
  const uint64_t messages = begin + kSlotControlBytes + index * kSlotMessagesBytes;
  return {{header, header + kDiskUnit}, {trailer, trailer + kDiskUnit}, {messages, messages + kSlotMessagesBytes}};
}

Result<uint64_t> ChooseRegionSize(std::optional<uint64_t> wanted, uint64_t ram_bytes, uint64_t swap_bytes) {
  if (!wanted) {
    if (swap_bytes < kAutoLeastSwap) {
      return Error::Format(ErrorCode::kRefused,
                           "the swap has %s, less than the %s that automatic sizing wants: give a "
                           "size",
                           FormatSize(swap_bytes).c_str(), FormatSize(kAutoLeastSwap).c_str());
    }
    return std::min({std::max(ram_bytes / 8, kAutoLeast), kAutoMost, swap_bytes / 2});
  }
  if (*wanted < kSmallestRegionBytes) {
    return Error::Format(ErrorCode::kRefused, "a region of %s is too small: at least %s", FormatSize(*wanted).c_str(),
                         FormatSize(kSmallestRegionBytes).c_str());
  }
  if (*wanted > kLargestRegionBytes || swap_bytes < kLeastSwapLeft || *wanted > swap_bytes - kLeastSwapLeft) {
    return Error::Format(ErrorCode::kRefused, "a region of %s does not fit into a swap of %s",
                         FormatSize(*wanted).c_str(), FormatSize(swap_bytes).c_str());
  }
  return *wanted;
}

Result<Stamp> PlanRegion(const SwapHeader& header, uint64_t size) {
  const uint64_t end = header.end();
  if (size > end || AlignDown(end - size, header.page_size) < kLeastSwapLeft) {
    return Error::Format(ErrorCode::kRefused, "a region of %s does not fit into a swap of %s", FormatSize(size).c_str(),
                         FormatSize(end).c_str());
  }
  Stamp stamp;
  stamp.region = {AlignDown(end - size, header.page_size), end};
  stamp.page_size = header.page_size;
  stamp.original_last_page = header.last_page;
  TRY(Region::Create(stamp.region));
  TRY(RandomBytes(stamp.region_id), "region id");
  return stamp;
}

uint32_t LoweredLastPage(const Stamp& stamp) { return static_cast<uint32_t>(stamp.region.begin / stamp.page_size - 1); }

Result<> WriteRegion(BlockDevice& device, const Stamp& stamp) {
  const Region region = TRY(RegionOn(device, stamp));
  const AlignedMemory zeros = TRY(AllocateAligned(kZeroWriteBytes));
  const Range tail = region.zero_tail();
  for (uint64_t offset = tail.begin; offset < tail.end; offset += kZeroWriteBytes) {
    TRY(device.WriteAt(region.DeviceOffset(offset), {zeros.get(), kZeroWriteBytes}), "region's zero tail");
  }
  TRY(WriteStamp(device, region.DeviceOffset(region.end_stamp().begin), EncodeStamp(stamp, StampKind::kEnd)),
      "end stamp");
  TRY(WriteStamp(device, region.DeviceOffset(region.start_stamp().begin), EncodeStamp(stamp, StampKind::kStart)),
      "start stamp");
  TRY(device.Flush(), "region");
  return {};
}

Result<> EraseStamps(BlockDevice& device, const Stamp& stamp) {
  const Region region = TRY(RegionOn(device, stamp));
  const StampBytes zeros{};
  TRY(WriteStamp(device, region.DeviceOffset(region.start_stamp().begin), zeros), "start stamp");
  TRY(WriteStamp(device, region.DeviceOffset(region.end_stamp().begin), zeros), "end stamp");
  TRY(device.Flush(), "region");
  return {};
}

Result<Stamp> ReadStamps(const ByteSource& device, const SwapHeader& header) {
  const uint64_t begin = header.end();
  if (device.size() < begin || device.size() - begin < kSmallestRegionBytes) {
    return Error::Format(ErrorCode::kNotFound, "there is no start stamp: the swap reaches to the device's end");
  }
  const StampBytes start_bytes = TRY(ReadStampBytes(device, begin, "start"));
  const Stamp start = TRY(DecodeStamp(start_bytes, StampKind::kStart));
  if (start.region.begin != begin || start.page_size != header.page_size) {
    return Error::Format(ErrorCode::kCorrupt,
                         "start stamp: is for byte %" PRIu64 " and pages of %u bytes, but stands at byte %" PRIu64
                         " and pages have %u bytes",
                         start.region.begin, start.page_size, begin, header.page_size);
  }
  const Region region = TRY(RegionOn(device, start), "start stamp");
  const StampBytes end_bytes = TRY(ReadStampBytes(device, region.DeviceOffset(region.end_stamp().begin), "end"));
  const Stamp end = TRY(DecodeStamp(end_bytes, StampKind::kEnd));
  if (end != start)
    return Error::Format(ErrorCode::kCorrupt, "end stamp: belongs to another region than the start stamp");
  return start;
}

Result<> CheckStamps(const ByteSource& device, const Stamp& stamp) {
  const Region region = TRY(RegionOn(device, stamp));
  const StampBytes start = TRY(ReadStampBytes(device, region.DeviceOffset(region.start_stamp().begin), "start"));
  const StampBytes end = TRY(ReadStampBytes(device, region.DeviceOffset(region.end_stamp().begin), "end"));
  if (start != EncodeStamp(stamp, StampKind::kStart)) {
    return Error::Format(ErrorCode::kRefused, "the start stamp on the device is not the stored one");
  }
  if (end != EncodeStamp(stamp, StampKind::kEnd)) {
    return Error::Format(ErrorCode::kRefused, "the end stamp on the device is not the stored one");
  }
  return {};
}

Result<ControlHashes> HashControlBlocks(const ByteSource& device, const Region& region) {
  const AlignedMemory buffer = TRY(AllocateAligned(2 * kDiskUnit));
  ControlHashes hashes{};
  for (unsigned slot = 0; slot < kSlotCount; ++slot) {
    for (unsigned attempt = 1; attempt <= kAttempts; ++attempt) {
      const AttemptPlaces places = region.Places(slot, attempt);
      TRY(device.ReadAt(region.DeviceOffset(places.header.begin), {buffer.get(), kDiskUnit}), "slot %u", slot);
      TRY(device.ReadAt(region.DeviceOffset(places.trailer.begin), {buffer.get() + kDiskUnit, kDiskUnit}), "slot %u",
          slot);
      hashes.at(slot).at(attempt - 1) = Hash256({buffer.get(), 2 * kDiskUnit});
    }
  }
  return hashes;
}

Result<Hash> HashSamples(const ByteSource& device, const Region& region, const Range& range) {
  const AlignedMemory block = TRY(AllocateAligned(kDiskUnit));
  HashStream hash;
  for (uint64_t offset = range.begin; offset < range.end; offset += kMiB) {
    TRY(device.ReadAt(region.DeviceOffset(offset), {block.get(), kDiskUnit}), "page data");
    hash.Update({block.get(), kDiskUnit});
  }
  return hash.Current();
}

}  // namespace crashdump
