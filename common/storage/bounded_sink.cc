// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/bounded_sink.h"

#include <cinttypes>

namespace crashdump {

Result<BoundedSink> BoundedSink::Create(BlockDevice& device, const TargetDescription& description, unsigned attempt) {
  if (description.devices.size() != 1 || description.extents.size() != 1 || description.slot >= kSlotCount ||
      attempt < 1 || attempt > kAttempts) {
    return Error::Format(ErrorCode::kInvalidArgument, "%zu devices, %zu extents, slot %u, attempt %u: not one target",
                         description.devices.size(), description.extents.size(), description.slot, attempt);
  }
  const Region region = TRY(Region::Create(description.device().region));
  const Range extent = description.extent();
  if (region.device_range().end > device.size()) {
    return Error::Format(ErrorCode::kInvalidArgument, "the region's end lies beyond the device's");
  }
  if (extent.begin > extent.end || !region.data().Contains(extent) || !IsAligned(extent.begin, kDiskUnit) ||
      !IsAligned(extent.end, kDiskUnit)) {
    return Error::Format(ErrorCode::kInvalidArgument,
                         "the extent %" PRIu64 " to %" PRIu64 " does not lie in the region's page data", extent.begin,
                         extent.end);
  }
  const AttemptPlaces places = region.Places(description.slot, attempt);
  BoundedSink sink(device, region);
  // The second attempt writes no pages: the first may have begun to.
  const Range pages = attempt == 1 ? extent : Range{};
  sink.left_ = {places.header, places.trailer, places.messages, pages};
  return sink;
}

Result<> BoundedSink::WriteAt(uint64_t offset, Bytes data) {
  const std::optional<uint64_t> end = CheckedAdd(offset, data.size());
  if (end && !data.empty() && IsAligned(offset, kDiskUnit) && IsAligned(data.size(), kDiskUnit)) {
    for (Range& left : left_) {
      if (!left.Contains(Range{offset, *end})) continue;
      // Taken even if the device fails: part of it may be on the disk.
      left.begin = *end;
      return device_->WriteAt(region_.DeviceOffset(offset), data);
    }
  }
  return Error::Format(ErrorCode::kRefused,
                       "write of %zu bytes at %" PRIu64 " of the region: outside of what this attempt may still write",
                       data.size(), offset);
}

Result<> BoundedSink::Flush() { return device_->Flush(); }

}  // namespace crashdump
