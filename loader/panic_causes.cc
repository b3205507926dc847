// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/panic_causes.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/base/io.h"
#include "common/base/parse.h"
#include "common/base/text_record.h"

namespace crashdump {
namespace {

constexpr const char* kFormerValues = "sysctls";  // in /run/crashdump

struct Sysctl {
  PanicCause cause;
  const char* name;  // below /proc/sys/kernel; 0: no panic (Documentation/admin-guide/sysctl/kernel.rst)
};

constexpr Sysctl kSysctls[] = {
    {PanicCause::kHardLockup, "hardlockup_panic"}, {PanicCause::kSoftLockup, "softlockup_panic"},
    {PanicCause::kHungTask, "hung_task_panic"},    {PanicCause::kNmi, "unknown_nmi_panic"},
    {PanicCause::kNmi, "panic_on_io_nmi"},         {PanicCause::kNmi, "panic_on_unrecovered_nmi"},
};

struct CauseName {
  PanicCause cause;
  std::string_view name;
};

constexpr CauseName kNames[] = {
    {PanicCause::kHardLockup, "hardlockup"},
    {PanicCause::kSoftLockup, "softlockup"},
    {PanicCause::kHungTask, "hung_task"},
    {PanicCause::kNmi, "nmi"},
};

std::string NameOf(PanicCause cause) {
  return std::string(std::find_if(std::begin(kNames), std::end(kNames), [&](const CauseName& each) {
                       return each.cause == cause;
                     })->name);
}

std::string PathOf(const Sysctl& sysctl) { return std::string("/proc/sys/kernel/") + sysctl.name; }

Result<> Write(const Machine& machine, const Sysctl& sysctl, std::string_view value) {
  return WriteExistingFile(machine.Path(PathOf(sysctl)).c_str(), value);
}

Result<TextRecord> ReadFormerValues(const StateDirectory& run) {
  const std::optional<std::string> text = TRY(run.Read(kFormerValues));
  return TextRecord::Parse(text.value_or(""));
}

// What the kernel notices a cause with; 0: it does not.
struct Detector {
  PanicCause cause;
  const char* name;
};

constexpr Detector kDetectors[] = {
    {PanicCause::kHardLockup, "nmi_watchdog"},
    {PanicCause::kSoftLockup, "soft_watchdog"},
    {PanicCause::kHungTask, "hung_task_timeout_secs"},
};

bool IsSwitchedOff(const Machine& machine, const char* name) {
  const Result<std::string> value = machine.ReadText((std::string("/proc/sys/kernel/") + name).c_str());
  return value.ok() && TrimSpace(value.value()) == "0";
}

// What is to be set, and what was there before the first call.
struct SysctlPlan {
  TextRecord record;
  std::vector<const Sysctl*> to_set;
  std::vector<std::pair<const Sysctl*, std::string>> to_set_back;
};

Result<SysctlPlan> MakePlan(const Machine& machine, const TextRecord& former, const std::vector<PanicCause>& causes) {
  SysctlPlan plan;
  for (const Sysctl& sysctl : kSysctls) {
    const std::optional<std::string_view> before = former.Find(sysctl.name);
    if (std::find(causes.begin(), causes.end(), sysctl.cause) == causes.end()) {
      if (before) plan.to_set_back.emplace_back(&sysctl, *before);
      continue;
    }
    const std::string path = PathOf(sysctl);
    if (!machine.Exists(path.c_str())) continue;
    const std::string now = TRY(machine.ReadText(path.c_str()));
    // Somebody else's wish for a panic stays his, also when ours ends.
    if (before || TrimSpace(now) == "0") {
      plan.record.Add(sysctl.name, before ? *before : TrimSpace(now));
      plan.to_set.push_back(&sysctl);
    }
  }
  return plan;
}

Result<> WriteFormerValues(StateDirectory& run, const TextRecord& record) {
  if (record.lines().empty()) return run.Remove(kFormerValues);
  return run.Replace(kFormerValues, record.ToString());
}

// The record is there before anything is set: a value that is set without one would stay for ever. What is set back is
// forgotten afterwards.
Result<> Apply(const Machine& machine, StateDirectory& run, const std::vector<PanicCause>& causes,
               std::vector<std::string>& notes) {
  const TextRecord former = TRY(ReadFormerValues(run));
  const SysctlPlan plan = TRY(MakePlan(machine, former, causes));
  const auto write = [&](const Sysctl& sysctl, std::string_view value) {
    const Result<> written = Write(machine, sysctl, value);
    if (!written.ok()) notes.push_back(std::string("PANIC_ON: kernel.") + sysctl.name + ": " + written.error().text());
  };
  for (const auto& [sysctl, value] : plan.to_set_back) write(*sysctl, value);
  TRY(WriteFormerValues(run, plan.record));
  for (const Sysctl* const sysctl : plan.to_set) write(*sysctl, "1");
  return {};
}

}  // namespace

Result<std::vector<PanicCause>> ParsePanicCauses(std::string_view text) {
  std::vector<PanicCause> causes;
  if (text == "none") return causes;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of(" ,"), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    const auto* const found =
        std::find_if(std::begin(kNames), std::end(kNames), [&](const CauseName& each) { return each.name == word; });
    if (found == std::end(kNames)) {
      return Error::Format(ErrorCode::kInvalidArgument,
                           "\"%s\" is none of hardlockup, softlockup, hung_task, nmi (or none alone)",
                           std::string(word).c_str());
    }
    if (std::find(causes.begin(), causes.end(), found->cause) == causes.end()) causes.push_back(found->cause);
  }
  return causes;
}

std::vector<std::string> SetPanicCauses(const Machine& machine, StateDirectory& run,
                                        const std::vector<PanicCause>& causes) {
  std::vector<std::string> notes;
  const Result<> applied = Apply(machine, run, causes, notes);
  if (!applied.ok()) notes.push_back(std::string("PANIC_ON: ") + applied.error().text());
  return notes;
}

std::vector<std::string> UnnoticedCauses(const Machine& machine, const std::vector<PanicCause>& causes) {
  std::vector<std::string> notes;
  for (const PanicCause cause : causes) {
    const bool known = std::any_of(std::begin(kSysctls), std::end(kSysctls), [&](const Sysctl& sysctl) {
      return sysctl.cause == cause && machine.Exists(PathOf(sysctl).c_str());
    });
    if (!known) notes.push_back("PANIC_ON: this kernel does not notice " + NameOf(cause));
    for (const Detector& detector : kDetectors) {
      if (detector.cause != cause || !known || !IsSwitchedOff(machine, detector.name)) continue;
      notes.push_back("PANIC_ON: " + NameOf(cause) + " is not noticed: the sysctl kernel." + detector.name + " is 0");
    }
  }
  return notes;
}

std::vector<std::string> ClearPanicCauses(const Machine& machine, StateDirectory& run) {
  return SetPanicCauses(machine, run, {});
}

}  // namespace crashdump
