// SPDX-License-Identifier: GPL-2.0-or-later
// crashdump status: whether a panic now would be saved.
#include "loader/status.h"

#include <array>

#include "capture/writer/version.h"
#include "cli/colour.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/recovered_dump.h"
#include "cli/root_command.h"
#include "cli/test_outcome.h"
#include "common/base/json_writer.h"
#include "common/base/parse.h"
#include "common/crypto/crypto.h"
#include "loader/load_method.h"
#include "loader/system_facts.h"

namespace crashdump {
namespace {

constexpr auto kOptions = std::to_array<OptionSpec>({
    {"quiet", OptionKind::kFlag, "", "print nothing: the exit status tells", 'q'},
    {"json", OptionKind::kFlag, "", "for programs: one object"},
    {"no-color", OptionKind::kFlag, "", "no colours at a terminal either; as with NO_COLOR=1 in the environment"},
});

constexpr CommandSpec kSpec = {
    .name = "status",
    .positional = "",
    .positional_minimum = 0,
    .positional_maximum = 0,
    .options = kOptions,
    .help =
        "Exit status 0 if a panic now would be saved, proven as the capture program will prove it; else 1, with what\n"
        "is missing and what to do. Tells, too, what came of the last `crashdump test --crash`.\n",
    .example = "crashdump status || echo \"not armed\"",
};

// All that is said.
struct Overview {
  Status status;
  std::optional<TestCrash> test;
  std::optional<TestResult> result;  // of the test
};

void AddTest(const Machine& machine, const StateDirectories& state, Overview& overview) {
  Result<std::optional<TestCrash>> test = ReadTestCrash(state.remembered);
  const Result<std::string> boot_id = BootId(machine);
  if (!test.ok() || !test.value() || !boot_id.ok()) return;
  const Result<std::vector<ListedDump>> dumps = ListDumps(kCrashDirectory);
  if (!dumps.ok()) return;
  Result<TestResult> result = ResultOf(*test.value(), boot_id.value(), KeyStore(state.keys), dumps.value());
  overview.test = test.TakeValue();
  if (result.ok()) overview.result = result.TakeValue();
}

Overview Look(const Machine& machine, const StateDirectories& state) {
  Overview overview{.status = CheckStatus(machine, state), .test = {}, .result = {}};
  if (!overview.status.armed()) {
    const Result<Configuration> configuration = ReadConfiguration(machine, kConfigurationPath);
    if (!configuration.ok()) {
      overview.status.problems.emplace_back(configuration.error().text());
    } else if (const auto reason = ReasonNotToLoad(machine, state, configuration.value())) {
      overview.status.problems.push_back(*reason);
    }
  }
  AddTest(machine, state, overview);
  return overview;
}

std::string ForPeople(const Overview& overview, const Painter& painter) {
  std::string text;
  if (overview.status.armed()) text = painter.Paint(Colour::kGreen, Describe(*overview.status.target)) + "\n";
  const std::string not_armed = painter.Paint(Colour::kRed, "not armed:") + " ";
  for (const std::string& problem : overview.status.problems) text += not_armed + problem + "\n";
  const std::string attention = painter.Paint(Colour::kYellow, "warning:") + " ";
  for (const std::string& warning : overview.status.warnings) text += attention + warning + "\n";
  if (overview.result) text += overview.result->text + "\n";
  return text;
}

std::string ForPrograms(const Overview& overview) {
  JsonObject json;
  json.AddNumber("format", 1);
  json.AddText("version", kProgramVersion);
  json.AddBool("armed", overview.status.armed());
  json.AddTexts("problems", overview.status.problems);
  json.AddTexts("warnings", overview.status.warnings);
  if (const auto& target = overview.status.target) {
    json.AddText("swap_uuid", FormatUuid(target->swap_uuid));
    json.AddText("device", target->device);
    json.AddNumber("room", target->room);
    json.AddText("key_id", ToHex(target->key_id));
    json.AddText("loaded_by", NameOf(target->method));
  }
  if (overview.result) {
    json.AddText("test", NameOf(overview.result->outcome));
    json.AddNumber("test_time", overview.test->time);
    json.AddText("test_key_id", ToHex(overview.test->key_id));
    json.AddText("test_dump", overview.result->dump);
  }
  return json.Finish();
}

Result<int> PrintStatus(const CommandLine& line) {
  TRY(BeginRootCommand());
  TRY(InitializeCrypto());
  LinuxMachine machine;
  DiskState state = TRY(DiskState::Open(machine));
  const Overview overview = Look(machine, state.directories());
  if (!line.Has("quiet")) {
    const std::string text =
        line.Has("json") ? ForPrograms(overview) : ForPeople(overview, Painter::ForOutput(line.Has("no-color")));
    const int printed = PrintOutput("crashdump status", text);
    if (printed != kExitSuccess) return printed;
  }
  return overview.status.armed() ? kExitSuccess : kExitFailure;
}

}  // namespace

int RunStatus(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, PrintStatus); }

}  // namespace crashdump
