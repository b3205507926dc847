// SPDX-License-Identifier: GPL-2.0-or-later
// ScreenContent: what the screen has to say. All texts are printable ASCII, one line each; an empty one is not shown.
// As lines it travels from the process that knows to the one that draws.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace crashdump {

struct ScreenContent {
  std::string panic;    // the panic line, in full
  std::string cause;    // the fault that led to it
  std::string kernel;   // "Linux 6.1.0-50-amd64"
  std::string machine;  // what its firmware calls it
  std::string process;  // what the CPU that panicked was doing
  std::vector<std::string> trace;
  std::vector<std::string> messages;  // the last of the kernel that crashed, where they are saved nowhere
  std::string target;                 // where the dump goes
  std::string activity;               // what is being done
  std::optional<unsigned> percent;    // of the memory image; shown as a bar
  std::string progress;               // "1.6 GiB of 3.8 GiB, 310 MiB/s, 0:07 left"
  std::vector<std::string> question;  // what the person at the machine is asked: in place of the progress
  std::vector<std::string> outcome;   // how it ended: in place of the progress
  std::string footer;                 // what comes next: the countdown

  bool operator==(const ScreenContent&) const = default;
};

// What is worth taking along on a phone, the most important first: the panic, the kernel, what led to it, where.
std::vector<std::string> LinesToTakeAlong(const ScreenContent& content);

// "NAME TEXT\n" for every text and every entry of a list.
std::string ContentLines(const ScreenContent& content);
// Adds what such a line says, given without its newline. Any other line adds nothing.
void AddContentLine(std::string_view line, ScreenContent& content);

}  // namespace crashdump
