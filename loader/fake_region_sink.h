// SPDX-License-Identifier: GPL-2.0-or-later
// FakeRegionSink: writes a dump into the region of a test's device, as capture would, without capture's checks.
#pragma once

#include "common/base/byte_sink.h"
#include "common/storage/block_device.h"

namespace crashdump {

class FakeRegionSink final : public ByteSink {
 public:
  // `begin`: where the region is on the device, which is borrowed.
  FakeRegionSink(BlockDevice& device, uint64_t begin) : device_(device), begin_(begin) {}
  Result<> WriteAt(uint64_t offset, Bytes data) override { return device_.WriteAt(begin_ + offset, data); }
  Result<> Flush() override { return device_.Flush(); }

 private:
  BlockDevice& device_;
  uint64_t begin_;
};

}  // namespace crashdump
