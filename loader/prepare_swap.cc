// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/prepare_swap.h"

#include <algorithm>

#include "common/base/parse.h"
#include "common/format/armed_record.h"
#include "common/storage/swap_header.h"
#include "loader/choose_swap.h"
#include "loader/swap_pause.h"
#include "loader/swap_table.h"
#include "loader/system_facts.h"
#include "loader/target.h"
#include "loader/unload.h"

namespace crashdump {
namespace {

// systemd's note of where the hibernation image is (systemd, src/shared/hibernate-util.c).
constexpr const char* kHibernateLocation =
    "/sys/firmware/efi/efivars/HibernateLocation-8cf2644b-4b0b-428f-9387-6d876050dc67";

Error Suspended(const std::string& name, const std::string& signature) {
  return Error::Format(ErrorCode::kRefused,
                       "%s carries the suspend signature %s: a hibernated system may be resumed from it; resume it, or "
                       "give it up with `swapon`, first",
                       name.c_str(), signature.c_str());
}

// A hibernated system that is resumed later would find its disks changed behind its back.
Result<> CheckNotHibernated(const Machine& machine) {
  if (machine.Exists(kHibernateLocation)) {
    return Error::Format(ErrorCode::kRefused,
                         "the EFI variable HibernateLocation is set: a hibernated system may be resumed; resume it, or "
                         "remove the variable, first");
  }
  const std::vector<SuspendedDevice> suspended = TRY(machine.FindSuspendedDevices());
  if (!suspended.empty()) return Suspended(suspended.front().name, suspended.front().signature);
  for (const SwapEntry& entry : ReadFstabSwaps(machine)) {
    if (entry.source.front() != '/' || entry.source.starts_with("/dev/")) continue;
    const Result<FileSource> file = FileSource::Open(machine.Path(entry.source).c_str());
    if (!file.ok()) continue;
    const Result<std::vector<uint8_t>> head = ReadSwapHead(file.value());
    if (!head.ok()) continue;
    if (const auto signature = FindSuspendSignature(head.value())) return Suspended(entry.source, signature->name);
  }
  return {};
}

// The options of the swap's line in fstab; empty if it has none.
std::string FstabOptions(const Machine& machine, const SwapDevice& device) {
  for (const SwapEntry& entry : ReadFstabSwaps(machine)) {
    if (IsAbout(machine, entry, device)) return entry.options;
  }
  return "";
}

std::string Report(const PreparePlan& plan, const std::string& device) {
  if (!plan.stamp) return device + ": there is no region; nothing was changed\n";
  const std::string region = FormatSize(plan.stamp->region.size());
  std::string text = device + ": ";
  switch (plan.change) {
    case PrepareChange::kNone:
      return text + "the region of " + region + " is in order; nothing was changed\n";
    case PrepareChange::kCreate:
      text += "the upper " + region + " are set aside for dumps; the swap keeps " + FormatSize(plan.swap_then()) +
              "\nRun `crashdump load` now, and at every boot.\n";
      break;
    case PrepareChange::kAdopt:
      text += "the region of " + region + " is this installation's now; run `crashdump load`\n";
      break;
    case PrepareChange::kUndo:
      text += "the region is given back; the swap has " + FormatSize(plan.swap_then()) + " again\n";
      break;
  }
  if (!plan.discarded_keys.empty()) {
    text += std::to_string(plan.discarded_keys.size()) + " dumps that had not been recovered were given up\n";
  }
  return text;
}

Result<PrepareRequest> MakeRequest(const Machine& machine, const PrepareOptions& options) {
  const std::string meminfo = TRY(machine.ReadText("/proc/meminfo"));
  PrepareRequest request;
  request.action = options.action;
  request.unrecovered = options.unrecovered;
  request.page_size = machine.PageSize();
  request.ram_bytes = TRY(MemoryInfo(meminfo, "MemTotal"));
  request.reserve = options.reserve;
  return request;
}

// An image that is loaded for one of these regions would refuse it once it is changed.
Result<> UnloadImageOf(Machine& machine, StateDirectory& run, const std::vector<RegionId>& regions) {
  const Result<std::optional<ArmedRecord>> record = ReadArmedRecord(run);
  const bool other = record.ok() && (!record.value() || std::find(regions.begin(), regions.end(),
                                                                  record.value()->region_id) == regions.end());
  if (!other) TRY(UnloadOwnImage(machine, run));
  return {};
}

Result<PreparePlan> Change(Machine& machine, const StateDirectories& state, const PrepareRequest& request,
                           const DeviceIdentity& identity) {
  const UniqueFd disk_lock = TRY(machine.LockDisk(identity.disk_name));
  const std::unique_ptr<BlockDevice> device = TRY(machine.OpenDevice(identity, OpenMode::kExclusive));
  // Only what is seen through the exclusive descriptor, which stays open until the last flush, counts.
  const DeviceIdentity now = TRY(FindTarget(machine, request.swap_uuid));
  if (now.device_number != identity.device_number || now.size != device->size()) {
    return Error::Format(ErrorCode::kRefused, "the device changed while it was looked at: try again");
  }
  RegionStore regions(state.regions);
  KeyStore keys(state.keys);
  RegionPreparer preparer(regions, keys);
  PreparePlan plan = TRY(preparer.Plan(*device, request));
  if (plan.change == PrepareChange::kNone) return plan;
  TRY(UnloadImageOf(machine, state.run, plan.former_regions), "unloading the capture kernel");
  TRY(preparer.Execute(*device, request, plan));
  return plan;
}

// As long as nobody else changes the device.
Result<PreparePlan> Preview(const Machine& machine, const StateDirectories& state, const PrepareRequest& request,
                            const DeviceIdentity& identity) {
  const char* const name = identity.name.c_str();
  const std::unique_ptr<BlockDevice> device = TRY(machine.OpenDevice(identity, OpenMode::kReadOnly), "%s", name);
  RegionStore regions(state.regions);
  KeyStore keys(state.keys);
  return TRY(RegionPreparer(regions, keys).Plan(*device, request), "%s", name);
}

// `request` but for the swap.
Result<Uuid> UuidOfChoice(const Machine& machine, const StateDirectories& state, PrepareRequest request,
                          const std::optional<Uuid>& named) {
  const Result<Uuid> prepared = ChoosePreparedSwap(machine, state, named);
  if (prepared.ok() || prepared.error().code() != ErrorCode::kNotFound) return prepared;
  if (request.action == PrepareAction::kAdopt) {
    return Error::Format(ErrorCode::kInvalidArgument, "which one? name it with --swap UUID (see `blkid -t TYPE=swap`)");
  }
  if (request.action == PrepareAction::kUndo) return prepared;
  return ChooseSwapToPrepare(machine, state, [&](const SwapDevice& swap) -> Result<> {
    request.swap_uuid = swap.uuid;
    TRY(Preview(machine, state, request, swap.identity));
    return {};
  });
}

struct Outlook {
  PrepareRequest request;
  PreparePlan plan;
};

// Which swap it is about, and what would be done to it.
Result<Outlook> LookAhead(const Machine& machine, const StateDirectories& state, const PrepareOptions& options) {
  PrepareRequest request = TRY(MakeRequest(machine, options));
  request.swap_uuid = TRY(UuidOfChoice(machine, state, request, options.swap_uuid));
  request.identity = TRY(FindTarget(machine, request.swap_uuid));
  PreparePlan plan = TRY(Preview(machine, state, request, request.identity));
  return Outlook{std::move(request), std::move(plan)};
}

}  // namespace

Result<SwapChoice> ChooseSwap(const Machine& machine, const StateDirectories& state, const PrepareOptions& options) {
  const Outlook outlook = TRY(LookAhead(machine, state, options));
  const PrepareRequest& request = outlook.request;
  return SwapChoice{request.swap_uuid, request.identity.name, outlook.plan.change == PrepareChange::kNone};
}

Result<std::string> PrepareSwap(Machine& machine, const StateDirectories& state, const PrepareOptions& options) {
  // Nothing to do is told without a need for the swap to be inactive. So are refusals.
  const Outlook outlook = TRY(LookAhead(machine, state, options));
  const DeviceIdentity& identity = outlook.request.identity;
  const char* const name = identity.name.c_str();
  if (outlook.plan.change == PrepareChange::kNone) return Report(outlook.plan, identity.name);
  TRY(CheckNotHibernated(machine));
  const std::optional<ActiveSwap> active = TRY(FindActive(machine, identity));
  std::unique_ptr<SwapPause> pause;
  if (active) {
    if (options.active_swap == ActiveSwapPolicy::kRefuse) {
      return Error::Format(ErrorCode::kRefused,
                           "%s is in use as swap: turn it off first (`swapoff %s`), or let --swapoff do it for the "
                           "moment",
                           name, active->path.c_str());
    }
    pause = TRY(SwapPause::Begin(machine, *active, FstabOptions(machine, {outlook.request.swap_uuid, identity})));
  }
  const Result<PreparePlan> plan = Change(machine, state, outlook.request, identity);
  const Result<> back = pause ? pause->End() : Result<>();
  if (!plan.ok()) {
    return back.ok() ? plan.error().Prefixed("%s", name)
                     : plan.error().Prefixed("%s; and %s", back.error().text(), name);
  }
  TRY(back);
  return Report(plan.value(), identity.name);
}

}  // namespace crashdump
