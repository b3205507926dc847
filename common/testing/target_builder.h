// SPDX-License-Identifier: GPL-2.0-or-later
// TargetBuilder: a fake disk with a prepared swap, and what `load` would know about it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/storage/device_identity.h"
#include "common/storage/region.h"
#include "common/storage/target_description.h"
#include "common/testing/fake_block_device.h"
#include "common/testing/swap_builder.h"

namespace crashdump {

struct BuiltTarget {
  std::unique_ptr<FakeBlockDevice> device;
  DeviceIdentity identity;
  Stamp stamp;
  TargetDescription description;  // slot 0, the first MiB of page data

  Region region() const { return Region::Create(stamp.region).TakeValue(); }
};

struct TargetBuilder {
  uint64_t device_bytes = 160 * kMiB;
  uint32_t logical_block_size = 512;
  uint64_t region_bytes = kSmallestRegionBytes;
  SwapBuilder swap;
  std::string serial = "SERIAL-1";

  // Needs InitializeCrypto(). The device's log is empty and its cache flushed; slots hold what a swap leaves behind.
  BuiltTarget Build() const;
};

}  // namespace crashdump
