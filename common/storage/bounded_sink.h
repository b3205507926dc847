// SPDX-License-Identifier: GPL-2.0-or-later
// BoundedSink: the only way by which capture writes to a disk. It lets through nothing but writes into the places of
// this arming and this attempt, each place filled once from front to back, and so no block is ever written twice.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/byte_sink.h"
#include "common/base/result.h"
#include "common/storage/block_device.h"
#include "common/storage/region.h"
#include "common/storage/target_description.h"

namespace crashdump {

class BoundedSink final : public ByteSink {
 public:
  // For one attempt of the described arming on `device`, which is borrowed and has been proven. Attempt 1 may write its
  // header, trailer and messages places and the extent; attempt 2 only its header, trailer and messages places.
  // kInvalidArgument if the description's places do not lie where they must in the region or the region not on the
  // device.
  static Result<BoundedSink> Create(BlockDevice& device, const TargetDescription& description, unsigned attempt);

  // `offset` is relative to the region. Offset and length are multiples of kDiskUnit and the length is not 0; all of it
  // lies in one allowed place, not before the end of an earlier write into that place (also of one that failed). Else
  // kRefused, and the device sees nothing.
  Result<> WriteAt(uint64_t offset, Bytes data) override;
  Result<> Flush() override;

 private:
  BoundedSink(BlockDevice& device, const Region& region) : device_(&device), region_(region) {}

  BlockDevice* device_;
  Region region_;
  // What of each place has not been written yet.
  std::array<Range, 4> left_{};
};

}  // namespace crashdump
