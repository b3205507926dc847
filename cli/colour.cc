// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/colour.h"

#include <unistd.h>

#include <cstdlib>

namespace crashdump {

Painter Painter::ForOutput(bool unwanted) {
  return {isatty(STDOUT_FILENO) == 1, getenv("TERM"), getenv("NO_COLOR"), unwanted};
}

Painter::Painter(bool is_terminal, const char* term, const char* no_color, bool unwanted)
    : paints_(is_terminal && term != nullptr && *term != 0 && std::string_view(term) != "dumb" &&
              (no_color == nullptr || *no_color == 0) && !unwanted) {}

std::string Painter::Paint(Colour colour, std::string_view text) const {
  if (!paints_) return std::string(text);
  return std::string("\x1b[3") + static_cast<char>(colour) + "m" + std::string(text) + "\x1b[0m";
}

}  // namespace crashdump
