// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/printable_text.h"

#include <cstddef>
#include <cstdint>

#include "common/base/units.h"

namespace crashdump {
namespace {

// Half-open. What is not printed as itself, beyond ASCII.
constexpr Range kHidden[] = {
    {0x80, 0xa0},      // C1 controls
    {0x061c, 0x061d},  // the direction of text
    {0x200e, 0x2010},  //
    {0x2028, 0x202f},  // line and paragraph separators, direction
    {0x2066, 0x206a},  // direction
    {0xd800, 0xe000},  // surrogates, which UTF-8 does not have
    {0x110000, UINT64_MAX},
};

// The bytes of the character that `text` begins with, or 0 if it is none that can be shown.
size_t PrintableBytes(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return (lead >= 0x20 && lead != 0x7f) || lead == '\n' || lead == '\t' ? 1 : 0;
  const size_t length = lead >= 0xf0 && lead < 0xf8 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
  if (length == 0 || lead >= 0xf8 || text.size() < length) return 0;
  uint32_t point = lead & (0x7fU >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    point = point << 6 | (byte(i) & 0x3fU);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < kSmallest[length]) return 0;  // longer than it need be
  for (const Range& hidden : kHidden) {
    if (hidden.Contains(point)) return 0;
  }
  return length;
}

}  // namespace

std::string EscapeControl(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  while (!text.empty()) {
    const size_t printable = PrintableBytes(text);
    if (printable != 0) {
      escaped.append(text.substr(0, printable));
      text.remove_prefix(printable);
      continue;
    }
    constexpr char kDigits[] = "0123456789abcdef";
    const uint8_t byte = static_cast<uint8_t>(text.front());
    escaped.append("\\x").push_back(kDigits[byte >> 4]);
    escaped.push_back(kDigits[byte & 15]);
    text.remove_prefix(1);
  }
  return escaped;
}

}  // namespace crashdump
