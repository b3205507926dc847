// SPDX-License-Identifier: GPL-2.0-or-later
// crashdump load: arms the machine, at every boot and after every recovery.
#include <array>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/root_command.h"
#include "common/base/parse.h"
#include "common/crypto/crypto.h"
#include "loader/arm.h"
#include "loader/choose_swap.h"
#include "loader/early_arming.h"

namespace crashdump {
namespace {

constexpr auto kOptions = std::to_array<OptionSpec>({
    {"config", OptionKind::kText, "FILE", "read this instead of /etc/crashdump.conf", 'c'},
    {"early", OptionKind::kText, "DIR", "before /var is there, with what `crashdump early` has put into DIR"},
});

constexpr CommandSpec kSpec = {
    .name = "load",
    .positional = "",
    .positional_minimum = 0,
    .positional_maximum = 0,
    .options = kOptions,
    .help =
        "Loads the capture kernel with new keys into the reserved memory, so that the next panic is saved. Run again,\n"
        "it replaces what was loaded.\n",
    .example = "crashdump load",
};

Result<int> LoadEarly(Machine& machine, const std::string& directory) {
  DiskStateDirectory run = TRY(DiskStateDirectory::Open(machine.Path(kRunPath).c_str()));
  const UniqueFd lock = TRY(TakeLock(run));
  const DumpId key_id = TRY(LoadTicket(machine, run, directory));
  return PrintOutput("crashdump load", "armed early: key " + ToHex(key_id) + "\n");
}

Result<int> Load(const CommandLine& line) {
  TRY(BeginRootCommand());
  TRY(InitializeCrypto());
  LinuxMachine machine;
  if (const auto directory = line.Text("early")) return LoadEarly(machine, *directory);
  const std::string path = line.Text("config").value_or(kConfigurationPath);
  const Configuration configuration = TRY(ReadConfiguration(machine, path.c_str()));
  DiskState state = TRY(DiskState::Open(machine));
  const UniqueFd lock = TRY(TakeLock(state.run()));
  const Result<ArmReport> armed = Arm(machine, state.directories(), configuration);
  // For the next boot's `prepare --at-boot`. What cannot be remembered is chosen anew.
  (void)RememberSwaps(machine, state.directories());
  const ArmReport report = TRY(armed);
  return PrintOutput("crashdump load", Describe(report));
}

}  // namespace

int RunLoad(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, Load); }

}  // namespace crashdump
