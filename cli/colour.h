// SPDX-License-Identifier: GPL-2.0-or-later
// Colours for people at a terminal, for those who want them: not with NO_COLOR in the environment (no-color.org), nor
// with --no-color.
#pragma once

#include <string>
#include <string_view>

namespace crashdump {

enum class Colour : char { kRed = '1', kGreen = '2', kYellow = '3' };

class Painter {
 public:
  // Of what goes to standard output. `unwanted`: --no-color.
  static Painter ForOutput(bool unwanted);
  // `term` and `no_color` are the values of TERM and NO_COLOR, or null.
  Painter(bool is_terminal, const char* term, const char* no_color, bool unwanted);

  std::string Paint(Colour colour, std::string_view text) const;

 private:
  bool paints_;
};

}  // namespace crashdump
