// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/status.h"

#include "common/base/parse.h"
#include "common/format/armed_record.h"
#include "common/format/key_store.h"
#include "common/storage/target_description.h"
#include "common/storage/target_proof.h"
#include "loader/choose_swap.h"
#include "loader/load_method.h"
#include "loader/other_dumpers.h"
#include "loader/prepare_swap.h"
#include "loader/system_facts.h"

namespace crashdump {
namespace {

constexpr const char* kLoadAgain = ": run `crashdump load`";

// Each adds its problem and returns false, or finds nothing wrong.
bool CheckReservation(const Machine& machine, Status& status) {
  if (!machine.Exists(kCrashSizePath)) {
    status.problems.emplace_back("this kernel cannot load a capture kernel (no CONFIG_KEXEC)");
    return false;
  }
  const Result<uint64_t> reserved = CrashReservation(machine);
  if (!reserved.ok()) {
    status.problems.emplace_back(reserved.error().text());
    return false;
  }
  if (reserved.value() == 0) {
    status.problems.emplace_back("no memory reserved: add crashkernel=192M to the kernel command line, and reboot");
    return false;
  }
  return true;
}

bool CheckLoaded(const Machine& machine, Status& status) {
  const Result<bool> loaded = IsCrashKernelLoaded(machine);
  if (!loaded.ok()) {
    status.problems.emplace_back(loaded.error().text());
    return false;
  }
  if (!loaded.value()) status.problems.emplace_back(std::string("no capture kernel is loaded") + kLoadAgain);
  return loaded.value();
}

std::optional<ArmedRecord> FindRecord(const Machine& machine, const StateDirectories& state, Status& status) {
  const Result<std::string> boot_id = BootId(machine);
  const Result<std::optional<ArmedRecord>> record = ReadArmedRecord(state.run);
  if (!boot_id.ok()) {
    status.problems.emplace_back(boot_id.error().text());
  } else if (!record.ok()) {
    status.problems.emplace_back(std::string(record.error().text()) + kLoadAgain);
  } else if (!record.value()) {
    status.problems.emplace_back(
        "the capture kernel was loaded by another program: unload it with that, or with "
        "`crashdump unload --any`");
  } else if (record.value()->boot_id != boot_id.value()) {
    status.problems.emplace_back(std::string("the record of the loaded image is of another boot") + kLoadAgain);
  } else if (record.value()->state != ArmedState::kArmed) {
    status.problems.emplace_back(std::string("a load was interrupted") + kLoadAgain);
  } else {
    return record.value();
  }
  return std::nullopt;
}

void CheckKey(const ArmedRecord& record, StateDirectory& keys, Status& status) {
  const Result<std::optional<KeyRecord>> key = KeyStore(keys).Find(record.key_id);
  if (!key.ok()) {
    status.problems.emplace_back(std::string("key record of the loaded image: ") + key.error().text() + kLoadAgain);
  } else if (!key.value()) {
    status.problems.emplace_back("the key record of the loaded image (" + ToHex(record.key_id) + ") is gone" +
                                 kLoadAgain);
  }
}

// Repeats what capture would do before its first write.
Result<ArmedTarget> RepeatProof(const Machine& machine, const ArmedRecord& record) {
  const TargetDescription description = TRY(ParseTargetDescription(record.target), "target description");
  const std::vector<DeviceIdentity> found = TRY(machine.FindSwaps(description.device().swap_uuid));
  std::vector<std::unique_ptr<BlockDevice>> devices;
  std::vector<Candidate> candidates;
  for (const DeviceIdentity& identity : found) {
    devices.push_back(TRY(machine.OpenDevice(identity, OpenMode::kReadOnly), "%s", identity.name.c_str()));
    candidates.push_back({&identity, devices.back().get()});
  }
  const size_t chosen = TRY(ChooseTarget(description, candidates, 1));
  TRY(CheckAcceptable(found[chosen]), "%s", found[chosen].name.c_str());
  return ArmedTarget{.swap_uuid = description.device().swap_uuid,
                     .device = found[chosen].name,
                     .room = description.extent().size(),
                     .key_id = record.key_id,
                     .method = record.method};
}

}  // namespace

std::string Describe(const ArmedTarget& target) {
  return "armed: swap " + FormatUuid(target.swap_uuid) + " on " + target.device + ", " +
         (target.room == 0 ? std::string("messages only") : FormatSize(target.room) + " for memory") + ", key " +
         ToHex(target.key_id) + ", loaded by " + NameOf(target.method);
}

Status CheckStatus(const Machine& machine, const StateDirectories& state) {
  Status status;
  // Nobody knows which of the two has loaded last.
  if (const Result<> alone = CheckNoOtherDumper(machine); !alone.ok()) {
    status.warnings.emplace_back(alone.error().text());
  }
  if (!CheckReservation(machine, status) || !CheckLoaded(machine, status)) return status;
  const std::optional<ArmedRecord> record = FindRecord(machine, state, status);
  if (!record) return status;
  CheckKey(*record, state.keys, status);
  Result<ArmedTarget> target = RepeatProof(machine, *record);
  if (target.ok()) {
    status.target = target.TakeValue();
  } else {
    status.problems.emplace_back(std::string("the loaded image would write nothing, because of this: ") +
                                 target.error().text() + kLoadAgain);
  }
  return status;
}

std::optional<std::string> ReasonNotToLoad(const Machine& machine, const StateDirectories& state,
                                           const Configuration& configuration) {
  const Result<Uuid> prepared = ChoosePreparedSwap(machine, state, configuration.target);
  if (prepared.ok()) return std::nullopt;
  if (prepared.error().code() != ErrorCode::kNotFound || !configuration.prepares_at_boot) {
    return prepared.error().text();
  }
  PrepareOptions options;
  options.reserve = configuration.reserve;
  const Result<SwapChoice> choice = ChooseSwap(machine, state, options);
  if (!choice.ok()) return std::string("no swap can be prepared: ") + choice.error().text();
  return "no swap is prepared: the next boot sets the upper end of " + choice.value().device +
         " aside (RESERVE=), or `crashdump prepare --swapoff` does now";
}

}  // namespace crashdump
