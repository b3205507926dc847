// SPDX-License-Identifier: GPL-2.0-or-later
// crashdump prepare: sets the upper end of a swap aside for dumps, once.
#include <array>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/root_command.h"
#include "common/base/parse.h"
#include "common/crypto/crypto.h"
#include "loader/prepare_swap.h"
#include "loader/target.h"

namespace crashdump {
namespace {

constexpr auto kOptions = std::to_array<OptionSpec>({
    {"swap", OptionKind::kText, "UUID", "the swap (see `blkid -t TYPE=swap`)", 's', OptionNeed::kRequired},
    {"reserve", OptionKind::kText, "SIZE|auto",
     "how much to set aside, from 64M (default auto: an eighth of the memory)"},
    {"swapoff", OptionKind::kFlag, "", "turn the swap off for the moment if it is in use"},
    {"adopt", OptionKind::kFlag, "", "make the region that is there this installation's"},
    {"undo", OptionKind::kFlag, "", "give the region back to the swap"},
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

Result<std::optional<uint64_t>> ReserveOf(const CommandLine& line) {
  const std::optional<std::string> text = line.Text("reserve");
  if (!text || *text == "auto") return std::optional<uint64_t>();
  return std::optional<uint64_t>(TRY(ParseSize(*text), "--reserve"));
}

Result<PrepareOptions> ParseOptions(const CommandLine& line) {
  PrepareOptions options;
  options.swap_uuid = TRY(ParseTarget(line.Text("swap").value_or("")), "--swap");
  options.reserve = TRY(ReserveOf(line));
  if (line.Has("adopt") && line.Has("undo")) {
    return Error::Format(ErrorCode::kInvalidArgument, "--adopt and --undo exclude each other");
  }
  if (line.Has("reserve") && (line.Has("adopt") || line.Has("undo"))) {
    return Error::Format(ErrorCode::kInvalidArgument, "--reserve is for a new region: not with --adopt or --undo");
  }
  if (line.Has("adopt")) options.action = PrepareAction::kAdopt;
  if (line.Has("undo")) options.action = PrepareAction::kUndo;
  if (line.Has("swapoff")) options.active_swap = ActiveSwapPolicy::kSwapOff;
  if (line.Has("discard-dumps")) options.unrecovered = UnrecoveredDumps::kDiscard;
  return options;
}

Result<int> Prepare(const CommandLine&, const PrepareOptions& options) {
  TRY(BeginRootCommand());
  TRY(InitializeCrypto());
  LinuxMachine machine;
  DiskState state = TRY(DiskState::Open(machine));
  const UniqueFd lock = TRY(TakeLock(state.run()));
  const std::string report = TRY(PrepareSwap(machine, state.directories(), options));
  return PrintOutput("crashdump prepare", report);
}

}  // namespace

int RunPrepare(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, ParseOptions, Prepare); }

}  // namespace crashdump
