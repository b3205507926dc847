// SPDX-License-Identifier: GPL-2.0-or-later
// `crashdump report`: the report of a recovered dump, for the tools of apport.
#include <fcntl.h>

#include <array>
#include <cerrno>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/recovered_dump.h"
#include "common/base/io.h"
#include "common/crypto/crypto.h"
#include "recover/dump_files.h"
#include "recover/dump_report.h"

namespace crashdump {
namespace {

constexpr auto kOptions = std::to_array<OptionSpec>({
    {"publish", OptionKind::kFlag, "",
     "put it into /var/crash, where apport's tools and all users see that there is one"},
    kDirectoryOption,
});

constexpr CommandSpec kSpec = {
    .name = "report",
    .positional = "ID",
    .positional_minimum = 1,
    .positional_maximum = 1,
    .options = kOptions,
    .help =
        "Prints where the crash report of a recovered dump is: beside the dump, for root only, or with --publish in\n"
        "/var/crash itself. A report that is missing is written again. ID is the dump's name as `crashdump list` "
        "shows\n"
        "it, the beginning of the name, or \"latest\".\n"
        "\n"
        "To read it: apport-cli \"$(crashdump report latest --publish)\"\n",
    .example = "crashdump report latest --publish",
};

Result<std::string> MakeReport(const RecoveredDump& dump) {
  const std::string messages = TRY(dump.ReadText(kMessagesName));
  std::string report = TRY(FormatDumpReport(ReadHostFacts(), dump.info, dump.path, messages));
  TRY(ReplaceFileAt(dump.directory.get(), kReportName, report), "%s/%s", dump.path.c_str(), kReportName);
  return report;
}

Result<int> Report(const CommandLine& line) {
  TRY(InitializeCrypto());
  const std::string crash_directory = CrashDirectory(line);
  const RecoveredDump dump = TRY(FindRecoveredDump(crash_directory, line.positional()[0]));
  Result<std::string> report = dump.ReadText(kReportName);
  if (!report.ok() && report.error().os_error() == ENOENT) report = MakeReport(dump);
  if (!report.ok()) return report.error();
  std::string path = dump.path + "/" + kReportName;
  if (line.Has("publish")) {
    const UniqueFd directory =
        TRY(OpenFile(crash_directory.c_str(), O_RDONLY | O_DIRECTORY), "%s", crash_directory.c_str());
    const std::string name = PublicReportName(dump.info, dump.name);
    TRY(PublishReport(directory.get(), name, report.value()), "%s", crash_directory.c_str());
    path = crash_directory + "/" + name;
  }
  TRY(WriteOutput(path + "\n"));
  return kExitSuccess;
}

}  // namespace

int RunReport(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, Report); }

}  // namespace crashdump
