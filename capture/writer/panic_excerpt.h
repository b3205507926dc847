// SPDX-License-Identifier: GPL-2.0-or-later
// PanicExcerpt: the few lines of a crashed kernel's log that say why it crashed, for a screen.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace crashdump {

// Text as it was logged, without time stamps: any bytes. What the log does not have is empty.
struct PanicExcerpt {
  // "Kernel panic - not syncing: Fatal exception"; or the first line of the fault at which the kernel gave up without
  // a panic: "BUG: kernel NULL pointer dereference, address: 0".
  std::string panic;
  std::string cause;    // the first line of the fault that led to the panic
  std::string process;  // "CPU: 2 PID: 412 Comm: sh", of the CPU that panicked
  std::string machine;  // what the firmware calls it
  // The functions of its call trace, the innermost first: "sysrq_handle_crash+0x16/0x20"; those that the kernel itself
  // doubts ("? name") left out.
  std::vector<std::string> trace;
};

inline constexpr size_t kMostTraceEntries = 32;

// `messages` as PanicMessages writes them. The last panic counts.
PanicExcerpt FindPanicExcerpt(std::string_view messages);

}  // namespace crashdump
