// SPDX-License-Identifier: GPL-2.0-or-later
// crashdump test: everything that a crash needs, and, on request, the crash.
#include <array>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/root_command.h"
#include "common/crypto/crypto.h"
#include "loader/arm.h"
#include "loader/status.h"
#include "loader/system_facts.h"
#include "loader/test_crash.h"

namespace crashdump {
namespace {

constexpr auto kOptions = std::to_array<OptionSpec>({
    {"crash", OptionKind::kFlag, "", "crash this machine, really"},
});

constexpr CommandSpec kSpec = {
    .name = "test",
    .positional = "",
    .positional_minimum = 0,
    .positional_maximum = 0,
    .options = kOptions,
    .help =
        "Arms the machine anew and proves that the next panic would be saved: everything but the panic. With --crash\n"
        "the kernel panics then. What programs have not written to files is lost, as in any crash: end them before,\n"
        "and run this at a quiet moment. The machine reboots by itself, and `crashdump status` tells what came of it.\n"
        "\n"
        "Exit status: 0 a panic now would be saved; 1 it would not, or the kernel did not panic; 2 wrong usage.\n",
    .example = "crashdump test --crash",
};

Result<> Crash(Machine& machine, const StateDirectories& state, const ArmReport& report) {
  TestCrash test;
  test.boot_id = TRY(BootId(machine));
  test.key_id = report.key_id;
  test.time = machine.SecondsSince1970();
  TRY(WriteOutput("crashing now\n"));
  TRY(WriteTestCrash(state.remembered, test));
  const Result<> panicked = machine.Panic();
  TRY(RemoveTestCrash(state.remembered));
  TRY(panicked, "the kernel did not panic");
  return Error::Format(ErrorCode::kOs, "the kernel did not panic");
}

Result<int> Test(const CommandLine& line) {
  TRY(BeginRootCommand());
  TRY(InitializeCrypto());
  LinuxMachine machine;
  const Configuration configuration = TRY(ReadConfiguration(machine, kConfigurationPath));
  DiskState state = TRY(DiskState::Open(machine));
  const UniqueFd lock = TRY(TakeLock(state.run()));
  const ArmReport report = TRY(Arm(machine, state.directories(), configuration));
  TRY(WriteOutput(Describe(report)));
  const Status status = CheckStatus(machine, state.directories());
  if (!status.armed()) return Error::Format(ErrorCode::kRefused, "not armed: %s", status.problems.front().c_str());
  if (report.drivers == DriverCheck::kMissing) {
    return Error::Format(ErrorCode::kRefused, "a panic would not be saved: a driver is missing (see above)");
  }
  if (line.Has("crash")) TRY(Crash(machine, state.directories(), report));
  const char* const drivers = report.drivers == DriverCheck::kThere ? " and its drivers" : " (not its drivers)";
  return PrintOutput("crashdump test", std::string("tried: capture kernel, initramfs") + drivers +
                                           ", keys, the region and the proof of it, loading\n"
                                           "`crashdump test --crash` goes on from here\n");
}

}  // namespace

int RunTest(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, Test); }

}  // namespace crashdump
