// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/recover_and_arm.h"

#include <algorithm>

#include "common/format/armed_record.h"
#include "common/format/key_policy.h"
#include "common/format/key_store.h"
#include "loader/choose_swap.h"
#include "loader/status.h"
#include "loader/system_facts.h"

namespace crashdump {
namespace {

// What is loaded is known only as long as nobody can load another.
Result<> DeleteDeadKeys(const Machine& machine, const StateDirectories& state, Collector& collector,
                        const LockFunction& take_lock) {
  const UniqueFd lock = TRY(take_lock());
  const std::string boot_id = TRY(BootId(machine));
  const std::optional<ArmedRecord> armed = TRY(ReadArmedRecord(state.run));
  return collector.DeleteDeadKeys({.boot_id = boot_id, .loaded_key = LoadedKey(armed, boot_id)});
}

// What the initramfs of the system has loaded is for its time only: it has little room, and serves once.
bool IsArmedForGood(const Machine& machine, const StateDirectories& state) {
  const Status status = CheckStatus(machine, state);
  if (!status.armed()) return false;
  const Result<std::optional<KeyRecord>> record = KeyStore(state.keys).Find(status.target->key_id);
  return record.ok() && record.value() && !IsReserved(*record.value());
}

}  // namespace

Result<std::vector<RecoverNote>> RecoverDumps(const Machine& machine, const StateDirectories& state,
                                              Publisher& publisher, const std::vector<RecoverDevice>& devices,
                                              const MakeRegionDumps& make_dumps, const LockFunction& take_lock) {
  TRY(publisher.RemoveLeftovers());
  KeyStore keys(state.keys);
  Collector collector(keys, publisher, devices, make_dumps);
  std::vector<RecoverNote> notes = TRY(collector.Run());
  const Result<> deleted = DeleteDeadKeys(machine, state, collector, take_lock);
  if (!deleted.ok()) {
    notes.push_back({RecoverNote::Kind::kFailed,
                     std::string("key records that may serve nothing any more stay: ") + deleted.error().text()});
  }
  return notes;
}

Result<std::vector<RecoverNote>> PreviewDumps(const StateDirectories& state, Publisher& publisher,
                                              const std::vector<RecoverDevice>& devices,
                                              const MakeRegionDumps& make_dumps) {
  KeyStore keys(state.keys);
  return Collector(keys, publisher, devices, make_dumps).Preview();
}

Result<std::optional<ArmReport>> ArmAgain(Machine& machine, const StateDirectories& state,
                                          const std::vector<RecoverNote>& notes, const LockFunction& take_lock) {
  const bool has_published = std::any_of(
      notes.begin(), notes.end(), [](const RecoverNote& note) { return note.kind == RecoverNote::Kind::kPublished; });
  // The image that is loaded stays if it is as good as a new one: loading frees it before the new one is in.
  if (!has_published && IsArmedForGood(machine, state)) return std::optional<ArmReport>();
  const UniqueFd lock = TRY(take_lock());
  const Configuration configuration = TRY(ReadConfiguration(machine, kConfigurationPath));
  const Result<Uuid> prepared = ChoosePreparedSwap(machine, state, configuration.target);
  if (!prepared.ok() && prepared.error().code() == ErrorCode::kNotFound) return std::optional<ArmReport>();
  ArmReport report = TRY(Arm(machine, state, configuration));
  return std::optional<ArmReport>(std::move(report));
}

}  // namespace crashdump
