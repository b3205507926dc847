// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/capture_target.h"

#include <cinttypes>
#include <utility>

#include "common/base/parse.h"
#include "common/storage/bounded_sink.h"
#include "common/storage/region.h"
#include "common/storage/target_proof.h"

namespace crashdump {

struct CaptureTarget::State {
  TargetDescription description;
  FoundDevice found;
  Region region;
  BoundedSink sink;
};

CaptureTarget::CaptureTarget(std::unique_ptr<State> state) : state_(std::move(state)) {}
CaptureTarget::~CaptureTarget() = default;

Result<std::unique_ptr<CaptureTarget>> CaptureTarget::Find(std::string_view description_text, unsigned attempt,
                                                           const SettleLimits& limits) {
  TargetDescription description = TRY(ParseTargetDescription(description_text), "target description");
  const Uuid uuid = description.device().swap_uuid;
  const SystemPaths paths;
  SystemSettleEnvironment environment(paths, uuid);
  TRY(WaitUntilSettled(environment, limits), "looking for the swap %s", FormatUuid(uuid).c_str());

  std::vector<DeviceIdentity> identities = TRY(FindSwaps(paths, uuid), "looking for the swap");
  std::vector<FoundDevice> found;
  for (DeviceIdentity& identity : identities) {
    std::unique_ptr<BlockDevice> device =
        TRY(OpenIdentified(paths, identity, OpenMode::kExclusive), "%s", identity.name.c_str());
    found.push_back({std::move(identity), std::move(device)});
  }
  return Choose(std::move(description), std::move(found), attempt);
}

// Two equal disks are told apart by what is on them: all are open, and only the proven one is kept.
Result<std::unique_ptr<CaptureTarget>> CaptureTarget::Choose(TargetDescription description,
                                                             std::vector<FoundDevice> found, unsigned attempt) {
  const Region region = TRY(Region::Create(description.device().region), "target description");
  std::vector<Candidate> candidates;
  candidates.reserve(found.size());
  for (const FoundDevice& each : found) candidates.push_back({&each.identity, each.device.get()});
  const size_t chosen = TRY(ChooseTarget(description, candidates, attempt));
  BoundedSink sink = TRY(BoundedSink::Create(*found[chosen].device, description, attempt));
  return std::unique_ptr<CaptureTarget>(new CaptureTarget(
      std::unique_ptr<State>(new State{std::move(description), std::move(found[chosen]), region, std::move(sink)})));
}

ByteSink& CaptureTarget::sink() { return state_->sink; }

Result<> CaptureTarget::CheckPlaces(const KeyArming& arming) const {
  const uint64_t slot_offset = state_->region.Slot(state_->description.slot).begin;
  const Range& extent = state_->description.extent();
  if (slot_offset == arming.slot_offset && extent == arming.extent) return {};
  return Error::Format(ErrorCode::kRefused,
                       "target and arming disagree: slot at %" PRIu64 " and %" PRIu64 ", page data from %" PRIu64
                       " and %" PRIu64,
                       slot_offset, arming.slot_offset, extent.begin, arming.extent.begin);
}

std::string CaptureTarget::Describe() const {
  const DeviceIdentity& identity = state_->found.identity;
  const Uuid& swap_uuid = state_->description.device().swap_uuid;
  std::string text = identity.name + " (swap " + FormatUuid(swap_uuid) + ", " + FormatSize(identity.size);
  if (!identity.serial.empty()) text += ", serial " + identity.serial;
  return text + ")";
}

std::string CaptureTarget::DescribeProof() const {
  const TargetDevice& device = state_->description.device();
  const DeviceIdentity& identity = state_->found.identity;
  std::string text = "swap " + FormatUuid(device.swap_uuid) + ", ";
  if (!identity.part_uuid.empty()) text += "partition " + identity.part_uuid + ", ";
  if (!identity.model.empty()) text += "model " + identity.model + ", ";
  return text + "sizes, swap header and both stamps of the region of " + FormatSize(device.region.size()) +
         " are as they were when the capture was prepared";
}

}  // namespace crashdump
