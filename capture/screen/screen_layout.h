// SPDX-License-Identifier: GPL-2.0-or-later
// What stands in which row of a screen of any size. Nothing scrolls: what has no room is left out: the end of the call
// trace first, then facts about the machine, the fault behind the panic, what is being done, and the panic line last.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "capture/screen/screen_content.h"

namespace crashdump {

struct ScreenSize {
  unsigned columns = 80;
  unsigned rows = 25;
  bool operator==(const ScreenSize&) const = default;
};

// Exactly `size.rows` rows, none of them longer than the screen is wide.
std::vector<std::string> LayOutScreen(const ScreenContent& content, ScreenSize size);

// `text` in lines of at most `columns` characters, broken between words where there are any; at least one line.
// `columns` of 0 counts as 1.
std::vector<std::string> WrapWords(std::string_view text, size_t columns);

}  // namespace crashdump
