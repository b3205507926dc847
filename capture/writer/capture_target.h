// SPDX-License-Identifier: GPL-2.0-or-later
// CaptureTarget: the disk that this crash may be written to, found and proven. Nothing else opens a disk for writing.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/base/byte_sink.h"
#include "common/base/result.h"
#include "common/base/units.h"
#include "common/storage/find_devices.h"

namespace crashdump {

class CaptureTarget {
 public:
  // `description` is the overlay's target description. Waits until the machine has shown its devices, within `limits`,
  // chooses the one that is the target and proves it; any error means that nothing may be written anywhere.
  static Result<std::unique_ptr<CaptureTarget>> Find(std::string_view description, unsigned attempt,
                                                     const SettleLimits& limits);
  ~CaptureTarget();

  // Lets through what this attempt may write; offsets are relative to the region.
  ByteSink& sink();
  // The arming's places, relative to the region.
  uint64_t slot_offset() const;
  Range extent() const;
  // "vda2 (512 MiB, serial disk-1)": for people.
  std::string Describe() const;

 private:
  struct State;
  explicit CaptureTarget(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace crashdump
