// SPDX-License-Identifier: GPL-2.0-or-later
// Key: a character that somebody has typed at a terminal of the machine.
#pragma once

#include <string>

namespace crashdump {

struct Key {
  char value = 0;
  std::string terminal;  // the device file of the terminal: "/dev/ttyS0"
};

}  // namespace crashdump
