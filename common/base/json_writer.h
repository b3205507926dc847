// SPDX-License-Identifier: GPL-2.0-or-later
// JSON (RFC 8259) for programs that read what this one knows: one object of texts, numbers and lists of texts, a member
// a line, pure ASCII.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace crashdump {

// With the quotes. Bytes beyond ASCII may come from a crashed kernel's memory and need not be UTF-8: each is shown as
// the character U+00XX.
std::string QuoteJson(std::string_view text);

class JsonObject {
 public:
  void AddText(const char* key, std::string_view value) { AddRaw(key, QuoteJson(value)); }
  void AddNumber(const char* key, uint64_t value) { AddRaw(key, std::to_string(value)); }
  void AddBool(const char* key, bool value) { AddRaw(key, value ? "true" : "false"); }
  void AddTexts(const char* key, std::span<const std::string> values);
  // "key=value" lines as an array of texts: keys may repeat.
  void AddLines(const char* key, std::string_view lines);
  std::string Finish() const { return "{\n" + members_ + "\n}\n"; }

 private:
  void AddRaw(const char* key, const std::string& value);

  std::string members_;
};

}  // namespace crashdump
