// SPDX-License-Identifier: GPL-2.0-or-later
// `crashdump remove`: recovered dumps that are not needed any more.
#include <array>
#include <climits>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/recovered_dump.h"
#include "cli/root_command.h"
#include "loader/state.h"
#include "recover/remove_dump.h"

namespace crashdump {
namespace {

constexpr auto kOptions = std::to_array<OptionSpec>({kDirectoryOption});

constexpr CommandSpec kSpec = {
    .name = "remove",
    .positional = "ID...",
    .positional_minimum = 1,
    .positional_maximum = UINT_MAX,
    .options = kOptions,
    .help =
        "Removes recovered dumps: all that are named, or none. ID is the dump's name as `crashdump list` shows it, "
        "the\n"
        "beginning of the name, or \"latest\". A dump of which something is still to be recovered stays, and so does\n"
        "one whose directory holds other files than crashdump's.\n",
    .example = "crashdump remove 20261122235901",
};

Result<int> Remove(const CommandLine& line) {
  TRY(BeginRootCommand());
  const LinuxMachine machine;
  DiskState state = TRY(DiskState::Open(machine));
  const KeyStore keys(state.directories().keys);
  const std::vector<std::string> ids(line.positional().begin(), line.positional().end());
  const std::vector<std::string> removed = TRY(RemoveDumps(CrashDirectory(line), ids, keys));
  for (const std::string& name : removed) TRY(WriteOutput(name + ": removed\n"));
  return kExitSuccess;
}

}  // namespace

int RunRemove(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, Remove); }

}  // namespace crashdump
