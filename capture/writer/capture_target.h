// SPDX-License-Identifier: GPL-2.0-or-later
// CaptureTarget: the disk that this crash may be written to, found and proven. Nothing else opens a disk for writing.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/byte_sink.h"
#include "common/base/result.h"
#include "common/format/key_record.h"
#include "common/storage/block_device.h"
#include "common/storage/device_identity.h"
#include "common/storage/find_devices.h"
#include "common/storage/target_description.h"

namespace crashdump {

// A device that has the target's swap UUID, opened exclusively.
struct FoundDevice {
  DeviceIdentity identity;
  std::unique_ptr<BlockDevice> device;
};

class CaptureTarget {
 public:
  // `description` is the overlay's target description. Waits until the machine has shown its devices, within `limits`,
  // chooses the one that is the target and proves it; any error means that nothing may be written anywhere.
  static Result<std::unique_ptr<CaptureTarget>> Find(std::string_view description, unsigned attempt,
                                                     const SettleLimits& limits);
  // The second half of it: of the devices that were found, keeps the one that is the target, proven.
  static Result<std::unique_ptr<CaptureTarget>> Choose(TargetDescription description, std::vector<FoundDevice> found,
                                                       unsigned attempt);
  ~CaptureTarget();

  // Lets through what this attempt may write; offsets are relative to the region.
  ByteSink& sink();
  // kRefused unless the keys belong to the places that were proven.
  Result<> CheckPlaces(const KeyArming& arming) const;
  // "vda2 (512 MiB, serial disk-1)": for people.
  std::string Describe() const;
  // What was proven about it: for people who are asked whether that is right.
  std::string DescribeProof() const;

 private:
  struct State;
  explicit CaptureTarget(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace crashdump
