// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/unload.h"

#include "common/base/io.h"
#include "common/format/armed_record.h"
#include "loader/busy.h"
#include "loader/panic_causes.h"
#include "loader/system_facts.h"

namespace crashdump {

Result<bool> IsForeignImageLoaded(const Machine& machine, const StateDirectory& run) {
  // A kernel without kexec has no such file: then nothing is loaded.
  if (!machine.Exists(kCrashLoadedPath) || !TRY(IsCrashKernelLoaded(machine))) return false;
  const Result<std::optional<ArmedRecord>> record = ReadArmedRecord(run);
  const std::string boot_id = TRY(BootId(machine));
  // A record that cannot be read is ours all the same.
  return record.ok() && (!record.value() || record.value()->boot_id != boot_id);
}

Result<uint64_t> ReleaseReservation(const Machine& machine) {
  if (!machine.Exists(kCrashSizePath)) return uint64_t{0};
  if (TRY(IsCrashKernelLoaded(machine))) {
    return Error::Format(ErrorCode::kRefused, "a capture kernel is still loaded into the reserved memory");
  }
  const uint64_t reserved = TRY(CrashReservation(machine));
  const auto shrink = [&machine] { return WriteExistingFile(machine.Path(kCrashSizePath).c_str(), "0"); };
  if (reserved > 0) TRY(RetryWhileBusy(kKexecChangeLimit, shrink), "%s", kCrashSizePath);
  return reserved;
}

Result<UnloadOutcome> UnloadOwnImage(Machine& machine, StateDirectory& run) {
  if (TRY(IsForeignImageLoaded(machine, run))) return UnloadOutcome::kForeign;
  const bool loaded = machine.Exists(kCrashLoadedPath) && TRY(IsCrashKernelLoaded(machine));
  (void)ClearPanicCauses(machine, run);
  if (loaded) TRY(machine.UnloadCrashKernel());
  TRY(run.Remove(kArmedRecordName));
  return loaded ? UnloadOutcome::kUnloaded : UnloadOutcome::kNothingLoaded;
}

}  // namespace crashdump
