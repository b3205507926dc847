// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/unload.h"

#include "common/format/armed_record.h"
#include "loader/panic_causes.h"
#include "loader/system_facts.h"

namespace crashdump {

Result<UnloadOutcome> UnloadOwnImage(Machine& machine, StateDirectory& run) {
  // A kernel without kexec has no such file: then nothing is loaded.
  bool loaded = false;
  if (machine.Exists(kCrashLoadedPath)) loaded = TRY(IsCrashKernelLoaded(machine));
  const Result<std::optional<ArmedRecord>> record = ReadArmedRecord(run);
  const std::string boot_id = TRY(BootId(machine));
  // A record that cannot be read is ours all the same.
  const bool ours = !record.ok() || (record.value() && record.value()->boot_id == boot_id);
  if (loaded && !ours) return UnloadOutcome::kForeign;
  if (loaded) TRY(machine.UnloadCrashKernel());
  // To stand still is better than to panic for nothing.
  (void)ClearPanicCauses(machine, run);
  TRY(run.Remove(kArmedRecordName));
  return loaded ? UnloadOutcome::kUnloaded : UnloadOutcome::kNothingLoaded;
}

}  // namespace crashdump
