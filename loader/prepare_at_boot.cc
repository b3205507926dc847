// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/prepare_at_boot.h"

#include "common/storage/region_store.h"
#include "loader/choose_swap.h"

namespace crashdump {
namespace {

// Swaps appear as disks do.
class SwapsOfBoot final : public SystemClockSettleEnvironment {
 public:
  SwapsOfBoot(const Machine& machine, const StateDirectories& state, const std::optional<Uuid>& target)
      : machine_(machine), state_(state), target_(target) {}

  Result<std::vector<std::string>> ListDevices() override {
    const std::vector<SwapDevice> swaps = TRY(machine_.ListSwaps());
    std::vector<std::string> names;
    names.reserve(swaps.size());
    for (const SwapDevice& swap : swaps) names.push_back(swap.identity.name);
    return names;
  }

  Result<bool> HasTarget() override {
    if (target_) return !TRY(machine_.FindSwaps(*target_)).empty();
    if (ChoosePreparedSwap(machine_, state_, std::nullopt).ok()) return true;
    return !TRY(SwapCandidates(machine_, state_)).empty();
  }

 private:
  const Machine& machine_;
  const StateDirectories& state_;
  std::optional<Uuid> target_;
};

}  // namespace

Result<std::string> PrepareAtBoot(Machine& machine, const StateDirectories& state, const Configuration& configuration,
                                  PrepareOptions options, const SettleLimits& limits) {
  if (!configuration.prepares_at_boot) return std::string("RESERVE= is not set: nothing is prepared\n");
  // What is prepared or named is not chosen among what may still come.
  SettleLimits waiting = limits;
  const std::vector<StoredRegion> regions = TRY(RegionStore(state.regions).ReadAll());
  if (options.swap_uuid || !regions.empty()) waiting.quiet_milliseconds = 0;
  SwapsOfBoot swaps(machine, state, options.swap_uuid);
  const Result<> settled = WaitUntilSettled(swaps, waiting);
  Result<std::string> report =
      settled.ok() || options.swap_uuid ? PrepareSwap(machine, state, options) : Result<std::string>(settled.error());
  if (report.ok() || options.swap_uuid) return report;
  if (report.error().code() != ErrorCode::kNotFound && report.error().code() != ErrorCode::kTimeout) return report;
  return std::string("nothing is prepared: ") + report.error().text() + "\n";
}

}  // namespace crashdump
