// SPDX-License-Identifier: GPL-2.0-or-later
// Writing lines to terminals and ports that may stop taking anything at any time (flow control, a host that is gone).
#pragma once

#include <string>

namespace crashdump {

// What is known of one such descriptor, which must not block.
struct LineOutput {
  bool stuck = false;  // it did not take all of the last line
  bool torn = false;   // it took a part of it
};

// Writes `line` and a newline; what is not printable is replaced. A descriptor that takes nothing costs half a second
// once and then only the lines, until it takes something again.
void WriteLine(int fd, const std::string& line, LineOutput& output);

}  // namespace crashdump
