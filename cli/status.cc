// SPDX-License-Identifier: GPL-2.0-or-later
// crashdump status: whether a panic now would be saved.
#include "loader/status.h"

#include <array>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/root_command.h"
#include "common/crypto/crypto.h"

namespace crashdump {
namespace {

constexpr auto kOptions = std::to_array<OptionSpec>({
    {"quiet", OptionKind::kFlag, "", "print nothing: the exit status tells", 'q'},
});

constexpr CommandSpec kSpec = {
    .name = "status",
    .positional = "",
    .positional_minimum = 0,
    .positional_maximum = 0,
    .options = kOptions,
    .help =
        "Exit status 0 if a panic now would be saved, proven as the capture program will prove it; else 1, with what\n"
        "is missing and what to do.\n",
};

Result<int> PrintStatus(const CommandLine& line) {
  TRY(BeginRootCommand());
  TRY(InitializeCrypto());
  LinuxMachine machine;
  DiskState state = TRY(DiskState::Open(machine));
  const Status status = CheckStatus(machine, state.directories());
  if (!line.Has("quiet")) {
    std::string text = status.description;
    for (const std::string& problem : status.problems) text += "not armed: " + problem + "\n";
    const int printed = PrintOutput("crashdump status", text);
    if (printed != kExitSuccess) return printed;
  }
  return status.armed() ? kExitSuccess : kExitFailure;
}

}  // namespace

int RunStatus(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, PrintStatus); }

}  // namespace crashdump
