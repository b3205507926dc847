// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/find_devices.h"

#include <fcntl.h>
#include <time.h>

#include <algorithm>
#include <cinttypes>

#include "common/base/io.h"
#include "common/storage/blkid_probe.h"

namespace crashdump {
namespace {

constexpr uint64_t kMillisecond = 1000000;  // in nanoseconds

// Drives with removable media: reading an empty one takes seconds and fills the log.
bool IsMediumDrive(const std::string& name) { return name.starts_with("sr") || name.starts_with("fd"); }

// Only those with this UUID, if one is given: the others' facts are not even read.
Result<std::vector<SwapDevice>> SwapsWith(const SystemPaths& paths, const std::optional<Uuid>& uuid) {
  const std::vector<std::string> names = TRY(ListBlockDevices(paths));
  std::vector<SwapDevice> swaps;
  for (const std::string& name : names) {
    if (IsMediumDrive(name)) continue;
    const Result<UniqueFd> fd = OpenFile(NodePath(paths, name).c_str(), O_RDONLY | O_NONBLOCK);
    if (!fd.ok()) continue;
    const Result<std::optional<FoundSwap>> found = ProbeSwap(fd.value().get());
    if (!found.ok() || !found.value() || (uuid && found.value()->uuid != *uuid)) continue;
    Result<DeviceIdentity> identity = ReadDeviceIdentity(paths, name);
    // It was there a moment ago.
    if (!identity.ok() && identity.error().code() == ErrorCode::kNotFound) continue;
    swaps.push_back({found.value()->uuid, TRY(identity)});
  }
  return swaps;
}

}  // namespace

Result<std::vector<SwapDevice>> ListSwaps(const SystemPaths& paths) { return SwapsWith(paths, std::nullopt); }

Result<std::vector<DeviceIdentity>> FindSwaps(const SystemPaths& paths, const Uuid& uuid) {
  std::vector<SwapDevice> swaps = TRY(SwapsWith(paths, uuid));
  std::vector<DeviceIdentity> identities;
  identities.reserve(swaps.size());
  for (SwapDevice& swap : swaps) identities.push_back(std::move(swap.identity));
  return identities;
}

Result<> WaitUntilSettled(SettleEnvironment& environment, const SettleLimits& limits) {
  const uint64_t begin = environment.NowMilliseconds();
  uint64_t last_change = begin;
  std::vector<std::string> known;
  while (true) {
    const std::vector<std::string> names = TRY(environment.ListDevices());
    const uint64_t now = environment.NowMilliseconds();
    for (const std::string& name : names) {
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      known.push_back(name);
      last_change = now;
    }
    const bool quiet = now - last_change >= limits.quiet_milliseconds;
    if (quiet && TRY(environment.HasTarget())) return {};
    if (now - begin >= limits.deadline_milliseconds) {
      std::string seen;
      for (const std::string& name : known) seen += " " + name;
      return Error::Format(ErrorCode::kTimeout, "%s after %" PRIu64 " ms; block devices seen:%s",
                           quiet ? "the target has not appeared" : "block devices are still appearing", now - begin,
                           seen.empty() ? " none" : seen.c_str());
    }
    environment.SleepMilliseconds(limits.poll_milliseconds);
  }
}

uint64_t SystemClockSettleEnvironment::NowMilliseconds() {
  timespec now{};
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / kMillisecond;
}

void SystemClockSettleEnvironment::SleepMilliseconds(uint64_t milliseconds) {
  timespec left{};
  left.tv_sec = static_cast<time_t>(milliseconds / 1000);
  left.tv_nsec = static_cast<long>(milliseconds % 1000 * kMillisecond);
  // A signal may shorten the wait; the caller looks at the clock.
  (void)nanosleep(&left, nullptr);
}

Result<std::vector<std::string>> SystemSettleEnvironment::ListDevices() { return ListBlockDevices(paths_); }

Result<bool> SystemSettleEnvironment::HasTarget() {
  const std::vector<DeviceIdentity> swaps = TRY(FindSwaps(paths_, uuid_));
  return !swaps.empty();
}

}  // namespace crashdump
