// SPDX-License-Identifier: GPL-2.0-or-later
// crashdump unload: disarms the machine.
#include "loader/unload.h"

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/root_command.h"
#include "loader/state.h"

namespace crashdump {
namespace {

constexpr CommandSpec kSpec = {
    .name = "unload",
    .positional = "",
    .positional_minimum = 0,
    .positional_maximum = 0,
    .options = {},
    .help =
        "Takes the capture kernel out of the reserved memory: the next panic is not saved. Nothing on the disk "
        "changes.\n",
};

Result<int> Unload(const CommandLine& /*line*/) {
  TRY(BeginRootCommand());
  LinuxMachine machine;
  DiskState state = TRY(DiskState::Open(machine));
  const UniqueFd lock = TRY(TakeLock(state.run()));
  switch (TRY(UnloadOwnImage(machine, state.directories().run))) {
    case UnloadOutcome::kUnloaded:
      return PrintOutput("crashdump unload", "the capture kernel is unloaded: the next panic is not saved\n");
    case UnloadOutcome::kNothingLoaded:
      return PrintOutput("crashdump unload", "nothing was loaded\n");
    case UnloadOutcome::kForeign:
      break;
  }
  return Error::Format(ErrorCode::kRefused,
                       "the capture kernel was loaded by another program: unload it with that, or with `kexec -p -u`");
}

}  // namespace

int RunUnload(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, Unload); }

}  // namespace crashdump
