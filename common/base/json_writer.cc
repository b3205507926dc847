// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/base/json_writer.h"

#include <array>
#include <cstdio>
#include <vector>

namespace crashdump {

std::string QuoteJson(std::string_view text) {
  std::string quoted = "\"";
  for (const char character : text) {
    const auto byte = static_cast<uint8_t>(character);
    if (character == '"' || character == '\\') {
      quoted += '\\';
      quoted += character;
    } else if (byte < 0x20 || byte >= 0x7f) {
      std::array<char, 8> escape{};
      (void)snprintf(escape.data(), escape.size(), "\\u%04x", byte);
      quoted += escape.data();
    } else {
      quoted += character;
    }
  }
  return quoted + "\"";
}

void JsonObject::AddTexts(const char* key, std::span<const std::string> values) {
  std::string array = "[";
  for (const std::string& value : values) array += (array.size() > 1 ? ", " : "") + QuoteJson(value);
  AddRaw(key, array + "]");
}

void JsonObject::AddLines(const char* key, std::string_view lines) {
  std::vector<std::string> values;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(line.size() == lines.size() ? line.size() : line.size() + 1);
    values.emplace_back(line);
  }
  AddTexts(key, values);
}

void JsonObject::AddRaw(const char* key, const std::string& value) {
  if (!members_.empty()) members_ += ",\n";
  members_ += "  " + QuoteJson(key) + ": " + value;
}

}  // namespace crashdump
