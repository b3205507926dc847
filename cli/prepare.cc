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
    .example = "crashdump prepare --swapoff",
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
  for (const char* const other : {"adopt", "undo", "swapoff", "discard-dumps"}) {
    if (line.Has("at-boot") && line.Has(other)) {
      return Error::Format(ErrorCode::kInvalidArgument, "--at-boot and --%s exclude each other", other);
    }
  }
  if (line.Has("adopt")) options.action = PrepareAction::kAdopt;
  if (line.Has("undo")) options.action = PrepareAction::kUndo;
  if (line.Has("swapoff")) options.active_swap = ActiveSwapPolicy::kSwapOff;
  if (line.Has("discard-dumps")) options.unrecovered = UnrecoveredDumps::kDiscard;
  return options;
}

// What the command line leaves to the configuration. To give a region back needs none: a mistake in the file must not
// stand in the way of that.
Result<Configuration> ConfigurationFor(const CommandLine& line, const Machine& machine, const PrepareOptions& options) {
  Result<Configuration> configuration = ReadConfiguration(machine, kConfigurationPath);
  const bool is_needed =
      line.Has("at-boot") || (options.action == PrepareAction::kPrepare && (!line.Has("swap") || !line.Has("reserve")));
  if (configuration.ok() || is_needed) return configuration;
  return ParseConfiguration(machine, "");
}

// And not only that no swap of this machine is fit for it, which `status` tells.
bool IsFailure(const Error& error) { return error.code() == ErrorCode::kOs || error.code() == ErrorCode::kCorrupt; }

Result<int> PrepareNow(Machine& machine, const CommandLine& line, const Configuration& configuration,
                       const PrepareOptions& options) {
  DiskState state = TRY(DiskState::Open(machine));
  if (line.Has("at-boot")) {
    const Result<bool> there = WaitForSwap(machine, state.directories(), options);
    // One that nobody has named need not be there.
    if ((there.ok() && !there.value()) || (!there.ok() && !configuration.target)) {
      return PrintOutput("crashdump prepare", there.ok() ? std::string("there is no swap partition to prepare\n")
                                                         : std::string(there.error().text()) + "\n");
    }
    TRY(there);
  }
  const UniqueFd lock = TRY(TakeLock(state.run()));
  const Result<std::string> prepared = PrepareSwap(machine, state.directories(), options);
  if (!prepared.ok() && line.Has("at-boot") && !configuration.target && !IsFailure(prepared.error())) {
    return PrintOutput("crashdump prepare", std::string("nothing is prepared: ") + prepared.error().text() + "\n");
  }
  std::string report = TRY(prepared);
  // Whoever names the swap knows what he is doing: the package does, which is about to go.
  if (options.action == PrepareAction::kUndo && configuration.prepares_at_boot && !line.Has("swap")) {
    report += std::string("The next boot prepares it again: take RESERVE= out of ") + kConfigurationPath + "\n";
  }
  return PrintOutput("crashdump prepare", report);
}

Result<int> Prepare(const CommandLine& line, const PrepareOptions& given) {
  TRY(BeginRootCommand());
  TRY(InitializeCrypto());
  LinuxMachine machine;
  const Configuration configuration = TRY(ConfigurationFor(line, machine, given));
  if (line.Has("at-boot") && !configuration.prepares_at_boot) {
    return PrintOutput("crashdump prepare", "RESERVE= is not set: nothing is prepared\n");
  }
  PrepareOptions options = given;
  if (!options.swap_uuid) options.swap_uuid = configuration.target;
  if (!line.Has("reserve")) options.reserve = configuration.reserve;
  return PrepareNow(machine, line, configuration, options);
}

}  // namespace

int RunPrepare(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, ParseOptions, Prepare); }

}  // namespace crashdump
