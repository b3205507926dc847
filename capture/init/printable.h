// SPDX-License-Identifier: GPL-2.0-or-later
// Text that may go to a terminal: what comes from the crashed kernel can hold anything, escape sequences included.
#pragma once

#include <string>
#include <string_view>

namespace crashdump {

// Everything but printable ASCII becomes '?', a tab a blank. Bytes from 0x80 on go too: 0x9b alone begins an escape
// sequence on an 8-bit terminal.
inline std::string Printable(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c == '\t') {
      c = ' ';
    } else if (c < 0x20 || c > 0x7e) {
      c = '?';
    }
  }
  return result;
}

}  // namespace crashdump
