// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/panic_causes.h"

#include <algorithm>
#include <iterator>

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

// What is to be set, and what was there before the first call. The record is written first: a value that is set
// without one would stay for ever.
Result<> Apply(const Machine& machine, StateDirectory& run, const std::vector<PanicCause>& causes,
               std::vector<std::string>& notes) {
  const TextRecord former = TRY(ReadFormerValues(run));
  TextRecord record;
  std::vector<const Sysctl*> to_set;
  for (const Sysctl& sysctl : kSysctls) {
    const std::optional<std::string_view> before = former.Find(sysctl.name);
    if (std::find(causes.begin(), causes.end(), sysctl.cause) == causes.end()) {
      if (before) TRY(Write(machine, sysctl, *before), "kernel.%s", sysctl.name);
      continue;
    }
    const std::string path = PathOf(sysctl);
    if (!machine.Exists(path.c_str())) continue;
    const std::string now = TRY(machine.ReadText(path.c_str()));
    // Somebody else's wish for a panic stays his, also when ours ends.
    if (before || TrimSpace(now) == "0") {
      record.Add(sysctl.name, before ? *before : TrimSpace(now));
      to_set.push_back(&sysctl);
    }
  }
  if (record.lines().empty()) {
    TRY(run.Remove(kFormerValues));
  } else {
    TRY(run.Replace(kFormerValues, record.ToString()));
  }
  for (const Sysctl* const sysctl : to_set) TRY(Write(machine, *sysctl, "1"), "kernel.%s", sysctl->name);
  for (const PanicCause cause : causes) {
    const bool known = std::any_of(std::begin(kSysctls), std::end(kSysctls), [&](const Sysctl& sysctl) {
      return sysctl.cause == cause && machine.Exists(PathOf(sysctl).c_str());
    });
    if (!known) notes.push_back("PANIC_ON: this kernel does not notice " + NameOf(cause));
  }
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

std::vector<std::string> ClearPanicCauses(const Machine& machine, StateDirectory& run) {
  return SetPanicCauses(machine, run, {});
}

}  // namespace crashdump
