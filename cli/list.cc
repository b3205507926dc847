// SPDX-License-Identifier: GPL-2.0-or-later
// `crashdump list`: the dumps that have been recovered.
#include <array>
#include <cstdio>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/recovered_dump.h"
#include "common/base/parse.h"
#include "common/vmcore/printable_text.h"
#include "recover/dump_list.h"

namespace crashdump {
namespace {

constexpr auto kOptions = std::to_array<OptionSpec>({kDirectoryOption});

constexpr CommandSpec kSpec = {
    .name = "list",
    .positional = "",
    .positional_minimum = 0,
    .positional_maximum = 0,
    .options = kOptions,
    .help = "Lists the recovered dumps, oldest first: ID, state, what there is, memory, kernel.\n",
    .example = "crashdump list",
};

const char* VmcoreText(const DumpInfo& info) {
  switch (info.vmcore) {
    case VmcoreFile::kPresent:
      return "vmcore";
    case VmcoreFile::kPending:
      return info.vmcore_error.empty() ? "no room yet" : "not read yet";
    case VmcoreFile::kNone:
      break;
  }
  return "messages only";
}

Result<int> List(const CommandLine& line) {
  const std::string directory = CrashDirectory(line);
  const std::vector<ListedDump> entries = TRY(ListDumps(directory));
  if (entries.empty()) {
    TRY(WriteOutput("no dumps in " + directory + "/kernel/dumps\n"));
    return kExitSuccess;
  }
  for (const ListedDump& entry : entries) {
    if (!entry.info.ok()) {
      TRY(WriteOutput(EscapeControl(entry.name + "  unreadable: " + entry.info.error().text()) + "\n"));
      continue;
    }
    const DumpInfo& info = entry.info.value();
    std::array<char, 256> text{};
    (void)snprintf(text.data(), text.size(), "%-28s  %-10s  %-13s  %8s  ", entry.name.c_str(), info.state.c_str(),
                   VmcoreText(info), FormatSize(info.data_pages * info.page_bytes).c_str());
    TRY(WriteOutput(text.data() + EscapeControl(info.release + " " + info.machine) + "\n"));
  }
  return kExitSuccess;
}

}  // namespace

int RunList(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, List); }

}  // namespace crashdump
