// SPDX-License-Identifier: GPL-2.0-or-later
// What the capture kernel's command line says to us: `crashdump.NAME=VALUE`. The table of names is in
// capture_options.cc. The capture kernel obeys it, `crashdump load` says what is wrong with it while that can be
// mended.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/options/stages.h"

namespace crashdump {

inline constexpr uint64_t kLeastDeviceSeconds = 3;
inline constexpr uint64_t kMostDeviceSeconds = 3600;
inline constexpr unsigned kMostCaptureThreads = 256;
// How long a person or a host is waited for at most.
inline constexpr uint64_t kMostWaitSeconds = 86'400;

// How the display is used.
enum class ScreenMode : uint8_t {
  kPlain,  // lines, as on every console
  kBrown,  // a screen of its own, white on brown
  kOff,    // left as it is
};

// When a shell is offered.
enum class ShellTime : uint8_t {
  kNever,
  kBefore,     // before anything is written
  kAfter,      // behind the capture
  kOnFailure,  // behind it, if there is no complete dump
};

// How everything ends.
enum class FinalAction : uint8_t { kReboot, kPowerOff, kHalt };

struct Options {
  // The whole capture ends after this time; 0: no limit as long as there is progress.
  uint64_t timeout_ms = 0;
  // A capture child that makes no progress for this long is killed. Never 0: nothing may hang.
  uint64_t stall_ms = 120'000;
  // How long the reason stays on the screen when there is no dump.
  uint64_t linger_ms = 30'000;
  ScreenMode screen = ScreenMode::kPlain;
  FinalAction final = FinalAction::kReboot;
  ShellTime shell = ShellTime::kNever;
  // Whether the messages go into the machine's own memory if they can be written nowhere else.
  bool pstore = false;
  // How long the person at the machine is asked before the first write; 0: not at all. What counts if nobody answers.
  uint64_t confirm_ms = 0;
  bool confirm_default = true;
  // Name of the virtio-serial port or device for status lines; empty: none.
  std::string status_port;
  // Where to wait for a `go` from the status port, and how long at most.
  StageSet hold;
  uint64_t hold_ms = 60'000;
  // Options that are the capture child's: "--name", "value", ...
  std::vector<std::string> capture_arguments;
};

struct ParsedOptions {
  Options options;
  // One line for each option that is not known or has a wrong value; the default stands in its place.
  std::vector<std::string> notes;
};

// `command_line` is the text of /proc/cmdline. Words that do not begin with "crashdump." are other programs'. Of an
// option that is given twice the last one counts, as in the kernel.
ParsedOptions ParseOptions(std::string_view command_line);

}  // namespace crashdump
