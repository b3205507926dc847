// SPDX-License-Identifier: GPL-2.0-or-later
// The `crashdump` command: finds the subcommand and runs it.
#include <array>
#include <cstdio>
#include <cstring>
#include <string>

#include "capture/writer/version.h"
#include "cli/commands.h"
#include "cli/options.h"

namespace crashdump {
namespace {

struct Command {
  const char* name;
  int (*run)(std::span<char* const> arguments);
  const char* summary;
};

constexpr auto kCommands = std::to_array<Command>({
    {"prepare", RunPrepare, "set the upper end of a swap aside for dumps"},
    {"load", RunLoad, "arm: load the capture kernel"},
    {"early", RunEarly, "what the initramfs of the system needs to arm the machine early"},
    {"unload", RunUnload, "disarm"},
    {"status", RunStatus, "tell whether a panic now would be saved"},
    {"test", RunTest, "try everything but the panic; --crash: that too"},
    {"recover", RunRecover, "after a crash: move dumps to /var/crash and arm again"},
    {"list", RunList, "list the recovered dumps"},
    {"report", RunReport, "tell where a dump's crash report is, or show it to apport"},
    {"remove", RunRemove, "remove recovered dumps"},
    {"save", RunSave, "store a vmcore as a compressed dump"},
    {"export", RunExport, "turn a dump into a vmcore for crash, drgn and gdb"},
    {"messages", RunMessages, "print the kernel messages of a dump or vmcore"},
    {"show", RunShow, "print what a dump or vmcore holds"},
});

std::string Help() {
  std::string text =
      "Usage: crashdump COMMAND [OPTION]...\n\n"
      "Saves what the kernel knew when it panicked, and brings it back.\n\nCommands:\n";
  for (const Command& command : kCommands) {
    std::array<char, 128> line;
    (void)snprintf(line.data(), line.size(), "  %-10s %s\n", command.name, command.summary);
    text += line.data();
  }
  return text + "\n`crashdump COMMAND --help` tells more. `crashdump --version` prints the version.\n";
}

int Main(std::span<char* const> arguments) {
  if (arguments.size() < 2) {
    PrintError("crashdump", "a command is missing (see crashdump --help)");
    return kExitUsage;
  }
  const char* const name = arguments[1];
  for (const Command& command : kCommands) {
    if (strcmp(command.name, name) == 0) return command.run(arguments.subspan(2));
  }
  if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) return PrintOutput("crashdump", Help());
  if (strcmp(name, "--version") == 0) {
    return PrintOutput("crashdump", std::string("crashdump ") + kProgramVersion + "\n");
  }
  PrintError("crashdump",
             std::string(name[0] == '-' ? "unknown option " : "unknown command ") + name + " (see crashdump --help)");
  return kExitUsage;
}

}  // namespace
}  // namespace crashdump

int main(int argc, char** argv) { return crashdump::Main({argv, static_cast<size_t>(argc)}); }
