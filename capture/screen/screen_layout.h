// SPDX-License-Identifier: GPL-2.0-or-later
// What stands in which row of a screen of any size. Nothing scrolls: what has no room is left out: the first of the
// messages first, then the end of the call trace, facts about the machine, the fault behind the panic, what is being
// done, and the panic line last.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "capture/screen/qr_code.h"
#include "capture/screen/screen_content.h"

namespace crashdump {

struct ScreenSize {
  unsigned columns = 80;
  unsigned rows = 25;
  bool operator==(const ScreenSize&) const = default;
};

// What a row holds besides printable ASCII: two modules of a QR code above each other, of which none, the upper, the
// lower, or both are dark.
inline constexpr std::string_view kModulePairs = "\x01\x02\x03\x04";

// How many modules a QR code beside the text may have per side; 0 if it has no room there.
unsigned RoomForCode(ScreenSize size);

// Exactly `size.rows` rows, none of them longer than the screen is wide. A code that has no room is left out.
std::vector<std::string> LayOutScreen(const ScreenContent& content, ScreenSize size, const QrCode& code = {});

// `text` in lines of at most `columns` characters, broken between words where there are any; at least one line.
// `columns` of 0 counts as 1.
std::vector<std::string> WrapWords(std::string_view text, size_t columns);

}  // namespace crashdump
