// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/capture_target.h"

#include <vector>

#include "common/base/parse.h"
#include "common/storage/bounded_sink.h"
#include "common/storage/device_identity.h"
#include "common/storage/region.h"
#include "common/storage/target_description.h"
#include "common/storage/target_proof.h"

namespace crashdump {

struct CaptureTarget::State {
  TargetDescription description;
  DeviceIdentity identity;
  std::unique_ptr<LinuxBlockDevice> device;
  Region region;
  BoundedSink sink;
};

CaptureTarget::CaptureTarget(std::unique_ptr<State> state) : state_(std::move(state)) {}
CaptureTarget::~CaptureTarget() = default;

Result<std::unique_ptr<CaptureTarget>> CaptureTarget::Find(std::string_view description_text, unsigned attempt,
                                                           const SettleLimits& limits) {
  TargetDescription description = TRY(ParseTargetDescription(description_text), "target description");
  const Region region = TRY(Region::Create(description.device().region), "target description");
  const Uuid uuid = description.device().swap_uuid;
  const SystemPaths paths;
  SystemSettleEnvironment environment(paths, uuid);
  TRY(WaitUntilSettled(environment, limits), "looking for the swap %s", FormatUuid(uuid).c_str());

  std::vector<DeviceIdentity> identities = TRY(FindSwaps(paths, uuid), "looking for the swap");
  // Two equal disks are told apart by what is on them: all are opened, exclusively, and only the proven one is kept.
  std::vector<std::unique_ptr<LinuxBlockDevice>> devices;
  std::vector<Candidate> candidates;
  for (const DeviceIdentity& identity : identities) {
    devices.push_back(TRY(OpenIdentified(paths, identity, OpenMode::kExclusive), "%s", identity.name.c_str()));
    candidates.push_back({.identity = &identity, .device = devices.back().get()});
  }
  const size_t chosen = TRY(ChooseTarget(description, candidates, attempt));
  BoundedSink sink = TRY(BoundedSink::Create(*devices[chosen], description, attempt));
  return std::unique_ptr<CaptureTarget>(new CaptureTarget(std::unique_ptr<State>(new State{
      std::move(description), std::move(identities[chosen]), std::move(devices[chosen]), region, std::move(sink)})));
}

ByteSink& CaptureTarget::sink() { return state_->sink; }

uint64_t CaptureTarget::slot_offset() const { return state_->region.Slot(state_->description.slot).begin; }

Range CaptureTarget::extent() const { return state_->description.extent(); }

std::string CaptureTarget::Describe() const {
  const DeviceIdentity& identity = state_->identity;
  std::string text = identity.name + " (" + FormatSize(identity.size);
  if (!identity.serial.empty()) text += ", serial " + identity.serial;
  return text + ")";
}

}  // namespace crashdump
