// SPDX-License-Identifier: GPL-2.0-or-later
// crashdump early: what the initramfs of the system needs to arm the machine before its root file system is mounted.
#include <array>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/root_command.h"
#include "common/base/parse.h"
#include "common/crypto/crypto.h"
#include "loader/early_arming.h"

namespace crashdump {
namespace {

constexpr auto kOptions = std::to_array<OptionSpec>({
    {"output", OptionKind::kText, "DIR", "an empty directory, which comes into the initramfs", 'o',
     OptionNeed::kRequired},
    {"kernel", OptionKind::kText, "VERSION", "of the capture kernel (default KERNEL_VERSION, or the running one)"},
});

constexpr CommandSpec kSpec = {
    .name = "early",
    .positional = "",
    .positional_minimum = 0,
    .positional_maximum = 0,
    .options = kOptions,
    .help =
        "Puts into DIR what `crashdump load --early DIR` needs, and keeps a place in the region for it. For the hooks\n"
        "that make the initramfs of the system: that must have mode 0600. Serves for one dump; then make it anew.\n",
    .example = "crashdump early -o \"$DESTDIR/crashdump\" --kernel \"$version\"",
};

Result<int> Early(const CommandLine& line) {
  TRY(BeginRootCommand());
  TRY(InitializeCrypto());
  LinuxMachine machine;
  const std::string version = line.Text("kernel").value_or(machine.KernelRelease());
  const Configuration files = TRY(ReadConfigurationFor(machine, kConfigurationPath, version));
  const Configuration running = TRY(ReadConfiguration(machine, kConfigurationPath));
  DiskState state = TRY(DiskState::Open(machine));
  const UniqueFd lock = TRY(TakeLock(state.run()));
  const TicketReport report =
      TRY(WriteTicket(machine, state.directories(), files, running, line.Text("output").value_or("")));
  return PrintOutput("crashdump early", "early panics are written to " + report.device + ", with up to " +
                                            FormatSize(report.room) + " for memory, key " + ToHex(report.key_id) +
                                            "\n" + report.arm_report);
}

}  // namespace

int RunEarly(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, Early); }

}  // namespace crashdump
