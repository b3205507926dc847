// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/choose_swap.h"

#include <algorithm>

#include "common/base/text_record.h"
#include "common/storage/region.h"
#include "common/storage/region_store.h"
#include "common/storage/swap_header.h"
#include "loader/swap_table.h"

namespace crashdump {
namespace {

constexpr const char* kRememberedSwaps = "swaps";  // in /var/lib/crashdump/remembered
constexpr std::string_view kUuid = "uuid";

enum class RegionPlace : uint8_t { kThere, kGone, kUnknown };

RegionPlace LookFor(const Machine& machine, const StoredRegion& region, const DeviceIdentity& identity) {
  const Result<std::unique_ptr<BlockDevice>> device = machine.OpenDevice(identity, OpenMode::kReadOnly);
  if (!device.ok()) return RegionPlace::kUnknown;
  const Result<SwapHeader> header = ReadSwapHeader(*device.value(), machine.PageSize());
  if (!header.ok()) return RegionPlace::kUnknown;
  const Result<Stamp> stamp = ReadStamps(*device.value(), header.value());
  if (stamp.ok()) return stamp.value() == region.stamp ? RegionPlace::kThere : RegionPlace::kGone;
  return stamp.error().code() == ErrorCode::kNotFound ? RegionPlace::kGone : RegionPlace::kUnknown;
}

// Of all devices with the swap's UUID: a copy may be there, too.
RegionPlace LookFor(const Machine& machine, const StoredRegion& region, const std::vector<SwapDevice>& swaps) {
  std::vector<RegionPlace> places;
  for (const SwapDevice& swap : swaps) {
    if (swap.uuid == region.swap_uuid) places.push_back(LookFor(machine, region, swap.identity));
  }
  if (std::find(places.begin(), places.end(), RegionPlace::kThere) != places.end()) return RegionPlace::kThere;
  const bool gone = !places.empty() && std::all_of(places.begin(), places.end(),
                                                   [](RegionPlace place) { return place == RegionPlace::kGone; });
  return gone ? RegionPlace::kGone : RegionPlace::kUnknown;
}

bool IsInUse(const Machine& machine, const SwapDevice& device) {
  const Result<std::optional<ActiveSwap>> active = FindActive(machine, device.identity);
  return active.ok() && active.value().has_value();
}

bool IsMountedAtBoot(const SwapEntry& entry) {
  std::string_view options = entry.options;
  while (!options.empty()) {
    const std::string_view option = options.substr(0, options.find(','));
    if (option == "noauto") return false;
    options.remove_prefix(std::min(option.size() + 1, options.size()));
  }
  return true;
}

// Of block devices, used at every boot.
std::vector<SwapEntry> FstabSwapsOfBoot(const Machine& machine) {
  std::vector<SwapEntry> entries = ReadFstabSwaps(machine);
  std::erase_if(entries, [](const SwapEntry& entry) {
    const bool is_file = entry.source.starts_with("/") && !entry.source.starts_with("/dev/");
    return is_file || !IsMountedAtBoot(entry);
  });
  return entries;
}

Result<std::vector<Uuid>> ReadRemembered(const StateDirectories& state) {
  std::vector<Uuid> uuids;
  const std::optional<std::string> text = TRY(state.remembered.Read(kRememberedSwaps));
  const TextRecord record = TRY(TextRecord::Parse(text.value_or("")), "%s", kRememberedSwaps);
  for (const std::string_view uuid : record.FindAll(kUuid)) uuids.push_back(TRY(ParseUuid(uuid)));
  return uuids;
}

}  // namespace

Result<Uuid> ChoosePreparedSwap(const Machine& machine, const StateDirectories& state,
                                const std::optional<Uuid>& configured) {
  if (configured) return *configured;
  const std::vector<StoredRegion> regions = TRY(RegionStore(state.regions).ReadAll());
  std::vector<SwapDevice> swaps;
  if (!regions.empty()) swaps = TRY(machine.ListSwaps());
  std::optional<Uuid> prepared;
  std::optional<Uuid> missing;
  for (const StoredRegion& region : regions) {
    const RegionPlace place = LookFor(machine, region, swaps);
    if (place == RegionPlace::kUnknown) missing = region.swap_uuid;
    if (place != RegionPlace::kThere) continue;
    if (prepared && *prepared != region.swap_uuid) {
      return Error::Format(ErrorCode::kRefused,
                           "several swaps are prepared, %s and %s: choose one with TARGET=UUID=... in %s",
                           FormatUuid(*prepared).c_str(), FormatUuid(region.swap_uuid).c_str(), kConfigurationPath);
    }
    prepared = region.swap_uuid;
  }
  if (prepared) return *prepared;
  if (missing) {
    return Error::Format(ErrorCode::kRefused,
                         "the swap that was prepared, %s, is not there: bring it back, or name another with "
                         "TARGET=UUID=... in %s",
                         FormatUuid(*missing).c_str(), kConfigurationPath);
  }
  return Error::Format(ErrorCode::kNotFound, "no swap is prepared: run `crashdump prepare`");
}

Result<std::vector<SwapDevice>> SwapCandidates(const Machine& machine, const StateDirectories& state) {
  std::vector<SwapDevice> swaps = TRY(machine.ListSwaps());
  std::erase_if(swaps, [](const SwapDevice& swap) { return !CheckAcceptable(swap.identity).ok(); });
  const std::vector<SwapEntry> fstab = FstabSwapsOfBoot(machine);
  std::vector<SwapDevice> own;
  for (const SwapDevice& swap : swaps) {
    const bool is_in_fstab =
        std::any_of(fstab.begin(), fstab.end(), [&](const SwapEntry& entry) { return IsAbout(machine, entry, swap); });
    if (is_in_fstab || IsInUse(machine, swap)) own.push_back(swap);
  }
  if (own.empty()) {
    const std::vector<Uuid> remembered = TRY(ReadRemembered(state));
    std::copy_if(swaps.begin(), swaps.end(), std::back_inserter(own), [&](const SwapDevice& swap) {
      return std::find(remembered.begin(), remembered.end(), swap.uuid) != remembered.end();
    });
  }
  std::stable_sort(own.begin(), own.end(),
                   [](const SwapDevice& a, const SwapDevice& b) { return a.identity.size > b.identity.size; });
  return own;
}

Result<bool> MayHaveCandidates(const Machine& machine, const StateDirectories& state) {
  if (!FstabSwapsOfBoot(machine).empty()) return true;
  return !TRY(ReadRemembered(state)).empty();
}

Result<Uuid> ChooseSwapToPrepare(const Machine& machine, const StateDirectories& state,
                                 const std::function<Result<>(const SwapDevice&)>& accepts) {
  const std::vector<SwapDevice> swaps = TRY(SwapCandidates(machine, state));
  std::optional<Error> first;
  for (const SwapDevice& swap : swaps) {
    const Result<> accepted = accepts(swap);
    if (accepted.ok()) return swap.uuid;
    if (!first) first = accepted.error();
  }
  if (first) return *first;
  return Error::Format(ErrorCode::kNotFound,
                       "no swap partition is in use or in /etc/fstab: make one (`mkswap`), or name one with --swap");
}

Result<> RememberSwaps(const Machine& machine, const StateDirectories& state) {
  const std::vector<SwapDevice> swaps = TRY(machine.ListSwaps());
  TextRecord record;
  for (const SwapDevice& swap : swaps) {
    // One of zram has another UUID in each boot, and none of it is ever a candidate.
    if (CheckAcceptable(swap.identity).ok() && IsInUse(machine, swap)) record.Add(kUuid, FormatUuid(swap.uuid));
  }
  // While it is off for a moment, the swap is not forgotten.
  if (record.lines().empty()) return {};
  const std::optional<std::string> former = TRY(state.remembered.Read(kRememberedSwaps));
  if (former.value_or("") == record.ToString()) return {};
  return state.remembered.Replace(kRememberedSwaps, record.ToString());
}

}  // namespace crashdump
