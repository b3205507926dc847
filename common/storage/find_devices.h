// SPDX-License-Identifier: GPL-2.0-or-later
// Finding a swap by its UUID among all block devices of the machine, with libblkid, and waiting until the machine has
// shown all of them. What is found is a candidate: target_proof.h decides.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/storage/device_identity.h"
#include "common/storage/uuid.h"

namespace crashdump {

struct SwapDevice {
  Uuid uuid{};
  DeviceIdentity identity;
};

// All devices that libblkid takes for a swap with a UUID, suspended ones included, by name in byte order. Devices that
// cannot be opened or read (no medium) are passed over.
Result<std::vector<SwapDevice>> ListSwaps(const SystemPaths& paths);

// All devices that libblkid takes for a swap with this UUID, as ListSwaps() finds them.
Result<std::vector<DeviceIdentity>> FindSwaps(const SystemPaths& paths, const Uuid& uuid);

// What waiting needs of the world.
class SettleEnvironment {
 public:
  virtual ~SettleEnvironment() = default;
  virtual uint64_t NowMilliseconds() = 0;  // monotonic
  virtual void SleepMilliseconds(uint64_t milliseconds) = 0;
  virtual Result<std::vector<std::string>> ListDevices() = 0;
  // Whether what is looked for is among the devices that are there now. Asked only when devices have stopped appearing.
  virtual Result<bool> HasTarget() = 0;
};

struct SettleLimits {
  uint64_t quiet_milliseconds = 2000;
  uint64_t poll_milliseconds = 100;
  uint64_t deadline_milliseconds = 30000;
};

// Returns once the target is there and no new block device has appeared for `quiet_milliseconds`: a second disk with
// the same UUID may be a moment slower. kTimeout, with the names seen, if that does not come about in time.
Result<> WaitUntilSettled(SettleEnvironment& environment, const SettleLimits& limits);

// With the real clock.
class SystemClockSettleEnvironment : public SettleEnvironment {
 public:
  uint64_t NowMilliseconds() final;
  void SleepMilliseconds(uint64_t milliseconds) final;
};

// The real world: looks for a swap with this UUID.
class SystemSettleEnvironment final : public SystemClockSettleEnvironment {
 public:
  SystemSettleEnvironment(SystemPaths paths, const Uuid& uuid) : paths_(std::move(paths)), uuid_(uuid) {}
  Result<std::vector<std::string>> ListDevices() override;
  Result<bool> HasTarget() override;

 private:
  SystemPaths paths_;
  Uuid uuid_;
};

}  // namespace crashdump
