// SPDX-License-Identifier: GPL-2.0-or-later
// Makes text of unknown origin safe to show on a terminal and to put into files that people read.
#pragma once

#include <string>
#include <string_view>

namespace crashdump {

// `text` with every byte that is not part of a printable character replaced by \xNN: control characters but newline
// and tab, DEL, the C1 controls, and whatever is not valid UTF-8. Characters that change the direction of the text or
// that break lines (U+202A to U+202E, U+2066 to U+2069, U+200E, U+200F, U+061C, U+2028, U+2029) are replaced as well:
// they can make text read as what it is not. Each piece of a longer text may be escaped by itself if pieces end between
// lines.
std::string EscapeControl(std::string_view text);

}  // namespace crashdump
