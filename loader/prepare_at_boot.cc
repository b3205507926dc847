// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/prepare_at_boot.h"

#include <sys/sysmacros.h>

#include "loader/choose_swap.h"

namespace crashdump {
namespace {

constexpr const char* kUdevDatabase = "/run/udev/data";

// Without udev there is nothing to wait for.
bool IsKnownToUdev(const Machine& machine, const DeviceIdentity& identity) {
  if (!machine.Exists(kUdevDatabase)) return true;
  const std::string entry = std::string(kUdevDatabase) + "/b" + std::to_string(major(identity.device_number)) + ":" +
                            std::to_string(minor(identity.device_number));
  return machine.Exists(entry.c_str());
}

class DisksOfBoot final : public SystemClockSettleEnvironment {
 public:
  DisksOfBoot(const Machine& machine, const StateDirectories& state, const std::optional<Uuid>& named)
      : machine_(machine), state_(state), named_(named) {}

  Result<std::vector<std::string>> ListDevices() override { return machine_.ListDevices(); }

  Result<bool> HasTarget() override {
    const std::vector<SwapDevice> swaps = TRY(Wanted());
    if (swaps.empty()) return false;
    for (const SwapDevice& swap : swaps) {
      if (!IsKnownToUdev(machine_, swap.identity)) return false;
    }
    return true;
  }

 private:
  Result<std::vector<SwapDevice>> Wanted() const {
    const Result<Uuid> prepared = ChoosePreparedSwap(machine_, state_, named_);
    if (!prepared.ok() && prepared.error().code() == ErrorCode::kNotFound) return SwapCandidates(machine_, state_);
    std::vector<SwapDevice> swaps = TRY(machine_.ListSwaps());
    // One that is missing may come yet.
    std::erase_if(swaps, [&](const SwapDevice& swap) { return !prepared.ok() || swap.uuid != prepared.value(); });
    return swaps;
  }

  const Machine& machine_;
  const StateDirectories& state_;
  std::optional<Uuid> named_;
};

// What stays as it is need not be sure of anything.
bool IsPrepared(const Machine& machine, const StateDirectories& state, const PrepareOptions& options) {
  if (!options.swap_uuid && !ChoosePreparedSwap(machine, state, std::nullopt).ok()) return false;
  const Result<SwapChoice> choice = ChooseSwap(machine, state, options);
  return choice.ok() && choice.value().is_prepared;
}

}  // namespace

Result<bool> WaitForSwap(const Machine& machine, const StateDirectories& state, const PrepareOptions& options,
                         const SettleLimits& limits) {
  DisksOfBoot disks(machine, state, options.swap_uuid);
  SettleLimits until_there = limits;
  until_there.quiet_milliseconds = 0;
  const Result<Uuid> prepared = ChoosePreparedSwap(machine, state, options.swap_uuid);
  const bool nothing_prepared = !prepared.ok() && prepared.error().code() == ErrorCode::kNotFound;
  if (nothing_prepared && !TRY(MayHaveCandidates(machine, state))) return false;
  TRY(WaitUntilSettled(disks, until_there));
  if (IsPrepared(machine, state, options)) return true;
  // However long the swap itself has taken: for the others to come, too.
  SettleLimits until_quiet = limits;
  until_quiet.deadline_milliseconds = 3 * limits.quiet_milliseconds;
  TRY(WaitUntilSettled(disks, until_quiet));
  return true;
}

}  // namespace crashdump
