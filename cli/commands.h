// SPDX-License-Identifier: GPL-2.0-or-later
// The subcommands of `crashdump`, one file each. To add one: declare it here, give it a row in main.cc, write its file.
// `arguments` are those behind the subcommand's name; the result is the exit status (see RunCommand() in options.h).
#pragma once

#include <span>

namespace crashdump {

int RunEarly(std::span<char* const> arguments);
int RunExport(std::span<char* const> arguments);
int RunList(std::span<char* const> arguments);
int RunLoad(std::span<char* const> arguments);
int RunMessages(std::span<char* const> arguments);
int RunPrepare(std::span<char* const> arguments);
int RunRecover(std::span<char* const> arguments);
int RunRemove(std::span<char* const> arguments);
int RunReport(std::span<char* const> arguments);
int RunSave(std::span<char* const> arguments);
int RunShow(std::span<char* const> arguments);
int RunStatus(std::span<char* const> arguments);
int RunTest(std::span<char* const> arguments);
int RunUnload(std::span<char* const> arguments);

}  // namespace crashdump
