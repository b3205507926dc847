// SPDX-License-Identifier: GPL-2.0-or-later
// crashdump prepare: sets the upper end of a swap aside for dumps, once.
#include <array>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/root_command.h"
#include "common/crypto/crypto.h"
#include "loader/configuration.h"
#include "loader/prepare_at_boot.h"
#include "loader/prepare_swap.h"
#include "loader/target.h"

namespace crashdump {
namespace {

constexpr auto kOptions = std::to_array<OptionSpec>({
    {"swap", OptionKind::kText, "UUID", "the swap (default TARGET, or the largest that can be)", 's'},
    {"reserve", OptionKind::kText, "SIZE|auto",
     "how much to set aside, from 64M (default RESERVE, or auto: an eighth of the memory)"},
    {"swapoff", OptionKind::kFlag, "", "turn the swap off for the moment if it is in use"},
    {"adopt", OptionKind::kFlag, "", "make the region that is there this installation's"},
    {"undo", OptionKind::kFlag, "", "give the region back to the swap"},
    {"at-boot", OptionKind::kFlag, "", "wait for the swap, and do nothing unless RESERVE= is set"},
    {"discard-dumps", OptionKind::kFlag, "", "give up dumps that have not been recovered, and their keys"},
});

constexpr CommandSpec kSpec = {
    .name = "prepare",
    .positional = "",
    .positional_minimum = 0,
    .positional_maximum = 0,
    .options = kOptions,
    .help =
        "Shortens the swap by what its header says and marks the upper end as the region for dumps. The swap keeps\n"
        "its UUID and its contents go when it is turned off, as always. Run again, it changes nothing.\n",
};

Result<PrepareOptions> ParseOptions(const CommandLine& line) {
  PrepareOptions options;
  if (const auto swap = line.Text("swap")) options.swap_uuid = TRY(ParseTarget(*swap), "--swap");
  if (const auto reserve = line.Text("reserve")) options.reserve = TRY(ParseReserve(*reserve), "--reserve");
  if (line.Has("adopt") && line.Has("undo")) {
    return Error::Format(ErrorCode::kInvalidArgument, "--adopt and --undo exclude each other");
  }
  if (line.Has("reserve") && (line.Has("adopt") || line.Has("undo"))) {
    return Error::Format(ErrorCode::kInvalidArgument, "--reserve is for a new region: not with --adopt or --undo");
  }
  if (line.Has("at-boot") && (line.Has("adopt") || line.Has("undo"))) {
    return Error::Format(ErrorCode::kInvalidArgument, "--at-boot makes a new region: not with --adopt or --undo");
  }
  if (line.Has("adopt")) options.action = PrepareAction::kAdopt;
  if (line.Has("undo")) options.action = PrepareAction::kUndo;
  if (line.Has("swapoff")) options.active_swap = ActiveSwapPolicy::kSwapOff;
  if (line.Has("discard-dumps")) options.unrecovered = UnrecoveredDumps::kDiscard;
  return options;
}

Result<int> Prepare(const CommandLine& line, const PrepareOptions& given) {
  TRY(BeginRootCommand());
  TRY(InitializeCrypto());
  LinuxMachine machine;
  const Configuration configuration = TRY(ReadConfiguration(machine, kConfigurationPath));
  PrepareOptions options = given;
  if (!options.swap_uuid) options.swap_uuid = configuration.target;
  if (!line.Has("reserve")) options.reserve = configuration.reserve;
  DiskState state = TRY(DiskState::Open(machine));
  const UniqueFd lock = TRY(TakeLock(state.run()));
  const std::string report =
      TRY(line.Has("at-boot") ? PrepareAtBoot(machine, state.directories(), configuration, options)
                              : PrepareSwap(machine, state.directories(), options));
  return PrintOutput("crashdump prepare", report);
}

}  // namespace

int RunPrepare(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, ParseOptions, Prepare); }

}  // namespace crashdump
