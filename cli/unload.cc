// SPDX-License-Identifier: GPL-2.0-or-later
// crashdump unload: disarms the machine.
#include "loader/unload.h"

#include <array>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/root_command.h"
#include "common/base/parse.h"
#include "loader/panic_causes.h"
#include "loader/state.h"

namespace crashdump {
namespace {

constexpr auto kOptions = std::to_array<OptionSpec>({
    {"any", OptionKind::kFlag, "", "also what another program has loaded"},
    {"release", OptionKind::kFlag, "", "give the reserved memory to the running kernel, until the next boot"},
});

constexpr CommandSpec kSpec = {
    .name = "unload",
    .positional = "",
    .positional_minimum = 0,
    .positional_maximum = 0,
    .options = kOptions,
    .help =
        "Takes the capture kernel out of the reserved memory: the next panic is not saved. Nothing on the disk "
        "changes.\n",
    .example = "crashdump unload --release",
};

Result<std::string> UnloadImage(Machine& machine, StateDirectory& run, bool any) {
  switch (TRY(UnloadOwnImage(machine, run))) {
    case UnloadOutcome::kUnloaded:
      return std::string("the capture kernel is unloaded: the next panic is not saved\n");
    case UnloadOutcome::kNothingLoaded:
      return std::string("nothing was loaded\n");
    case UnloadOutcome::kForeign:
      break;
  }
  if (!any) {
    return Error::Format(ErrorCode::kRefused,
                         "the capture kernel was loaded by another program: unload it with that, or with --any");
  }
  (void)ClearPanicCauses(machine, run);
  TRY(machine.UnloadCrashKernel());
  return std::string("another program's capture kernel is unloaded\n");
}

Result<int> Unload(const CommandLine& line) {
  TRY(BeginRootCommand());
  LinuxMachine machine;
  DiskState state = TRY(DiskState::Open(machine));
  const UniqueFd lock = TRY(TakeLock(state.run()));
  std::string report = TRY(UnloadImage(machine, state.directories().run, line.Has("any")));
  if (line.Has("release")) {
    report += FormatSize(TRY(ReleaseReservation(machine))) + " are the running kernel's until the next boot\n";
  }
  return PrintOutput("crashdump unload", report);
}

}  // namespace

int RunUnload(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, Unload); }

}  // namespace crashdump
