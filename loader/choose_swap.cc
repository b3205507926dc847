// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/choose_swap.h"

#include <algorithm>

#include "common/base/text_record.h"
#include "common/storage/region_store.h"
#include "loader/system_facts.h"
#include "loader/target.h"

namespace crashdump {
namespace {

constexpr const char* kRememberedSwaps = "swaps";  // in /var/lib/crashdump
constexpr std::string_view kUuid = "uuid";

// The node that an fstab's first field means, except for UUID=.
std::string NodeOf(const std::string& source) {
  constexpr std::pair<std::string_view, const char*> kTags[] = {{"LABEL=", "/dev/disk/by-label/"},
                                                                {"PARTUUID=", "/dev/disk/by-partuuid/"},
                                                                {"PARTLABEL=", "/dev/disk/by-partlabel/"}};
  for (const auto& [tag, directory] : kTags) {
    if (source.starts_with(tag)) return directory + source.substr(tag.size());
  }
  return source;
}

bool IsInUse(const Machine& machine, const std::vector<ActiveSwap>& active, const SwapDevice& device) {
  return std::any_of(active.begin(), active.end(), [&](const ActiveSwap& swap) {
    return !swap.is_file && machine.IsNodeOf(swap.path, device.identity.device_number);
  });
}

bool IsInFstab(const Machine& machine, const std::vector<SwapEntry>& fstab, const SwapDevice& device) {
  return std::any_of(fstab.begin(), fstab.end(), [&](const SwapEntry& entry) {
    const Result<Uuid> uuid = ParseTarget(entry.source);
    return uuid.ok() ? uuid.value() == device.uuid
                     : machine.IsNodeOf(NodeOf(entry.source), device.identity.device_number);
  });
}

Result<std::vector<ActiveSwap>> ReadActiveSwaps(const Machine& machine) {
  const std::string text = TRY(machine.ReadText("/proc/swaps"));
  return ParseSwaps(text);
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
  const std::vector<SwapDevice> swaps = TRY(machine.ListSwaps());
  std::vector<const SwapDevice*> prepared;
  for (const SwapDevice& swap : swaps) {
    if (std::any_of(regions.begin(), regions.end(),
                    [&](const StoredRegion& region) { return region.swap_uuid == swap.uuid; })) {
      prepared.push_back(&swap);
    }
  }
  if (prepared.empty()) {
    return Error::Format(ErrorCode::kNotFound, regions.empty() ? "no swap is prepared: run `crashdump prepare`"
                                                               : "the swap that was prepared is not there");
  }
  const bool is_one = std::all_of(prepared.begin(), prepared.end(),
                                  [&](const SwapDevice* swap) { return swap->uuid == prepared.front()->uuid; });
  if (!is_one) {
    return Error::Format(ErrorCode::kRefused,
                         "several swaps are prepared, on %s and on %s: choose one with TARGET=UUID=... in %s",
                         prepared[0]->identity.name.c_str(), prepared[1]->identity.name.c_str(), kConfigurationPath);
  }
  return prepared.front()->uuid;
}

Result<std::vector<SwapDevice>> SwapCandidates(const Machine& machine, const StateDirectories& state) {
  std::vector<SwapDevice> swaps = TRY(machine.ListSwaps());
  const std::vector<ActiveSwap> active = TRY(ReadActiveSwaps(machine));
  const Result<std::string> text = machine.ReadText("/etc/fstab");
  const std::vector<SwapEntry> fstab = ParseFstabSwaps(text.ok() ? text.value() : "");
  const std::vector<Uuid> remembered = TRY(ReadRemembered(state));
  std::erase_if(swaps, [&](const SwapDevice& swap) {
    return !IsInUse(machine, active, swap) && !IsInFstab(machine, fstab, swap) &&
           std::find(remembered.begin(), remembered.end(), swap.uuid) == remembered.end();
  });
  std::stable_sort(swaps.begin(), swaps.end(),
                   [](const SwapDevice& a, const SwapDevice& b) { return a.identity.size > b.identity.size; });
  return swaps;
}

Result<Uuid> ChooseSwapToPrepare(const Machine& machine, const StateDirectories& state,
                                 const std::function<Result<>(const SwapDevice&)>& accepts) {
  const std::vector<SwapDevice> swaps = TRY(SwapCandidates(machine, state));
  std::string reasons;
  for (const SwapDevice& swap : swaps) {
    const Result<> accepted = accepts(swap);
    if (accepted.ok()) return swap.uuid;
    reasons += (reasons.empty() ? "" : "; ") + std::string(accepted.error().text());
  }
  if (swaps.empty()) {
    return Error::Format(ErrorCode::kNotFound,
                         "no swap partition is in use or in /etc/fstab: make one (`mkswap`), or name one with --swap");
  }
  return Error::Format(ErrorCode::kNotFound, "no swap partition can be prepared: %s", reasons.c_str());
}

Result<> RememberSwaps(const Machine& machine, const StateDirectories& state) {
  const std::vector<ActiveSwap> active = TRY(ReadActiveSwaps(machine));
  const std::vector<SwapDevice> swaps = TRY(machine.ListSwaps());
  TextRecord record;
  for (const SwapDevice& swap : swaps) {
    if (IsInUse(machine, active, swap)) record.Add(kUuid, FormatUuid(swap.uuid));
  }
  // While it is off for a moment, the swap is not forgotten.
  if (record.lines().empty()) return {};
  const std::optional<std::string> former = TRY(state.remembered.Read(kRememberedSwaps));
  if (former.value_or("") == record.ToString()) return {};
  return state.remembered.Replace(kRememberedSwaps, record.ToString());
}

}  // namespace crashdump
