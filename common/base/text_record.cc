// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/base/text_record.h"

#include <strings.h>

#include "common/base/parse.h"

namespace crashdump {

TextRecord::~TextRecord() {
  for (auto& [key, value] : lines_) explicit_bzero(value.data(), value.size());
}

Result<TextRecord> TextRecord::Parse(std::string_view text) {
  TextRecord record;
  unsigned number = 0;
  while (!text.empty()) {
    ++number;
    const size_t length = text.find('\n');
    const std::string_view line = TrimSpace(text.substr(0, length));
    text.remove_prefix(length == std::string_view::npos ? text.size() : length + 1);
    if (line.empty() || line.front() == '#') continue;
    const size_t equals = line.find('=');
    if (equals == 0 || equals == std::string_view::npos) {
      return Error::Format(ErrorCode::kCorrupt, "line %u is not of the form key=value", number);
    }
    if (line.find('\0') != std::string_view::npos) {
      return Error::Format(ErrorCode::kCorrupt, "line %u holds a NUL byte", number);
    }
    record.lines_.emplace_back(TrimSpace(line.substr(0, equals)), TrimSpace(line.substr(equals + 1)));
  }
  return record;
}

void TextRecord::Add(std::string_view key, std::string_view value) {
  Require(value.find('\n') == std::string_view::npos && value.find('\0') == std::string_view::npos);
  lines_.emplace_back(key, value);
}

void TextRecord::AddNumber(std::string_view key, uint64_t value) { Add(key, std::to_string(value)); }

void TextRecord::AddHex(std::string_view key, std::span<const uint8_t> bytes) {
  std::string hex = ToHex(bytes);
  Add(key, hex);
  explicit_bzero(hex.data(), hex.size());
}

std::optional<std::string_view> TextRecord::Find(std::string_view key) const {
  for (const auto& [name, value] : lines_) {
    if (name == key) return value;
  }
  return std::nullopt;
}

std::vector<std::string_view> TextRecord::FindAll(std::string_view key) const {
  std::vector<std::string_view> values;
  for (const auto& [name, value] : lines_) {
    if (name == key) values.push_back(value);
  }
  return values;
}

Result<std::string_view> TextRecord::Text(std::string_view key) const {
  const std::optional<std::string_view> value = Find(key);
  if (!value) {
    return Error::Format(ErrorCode::kNotFound, "no value for \"%.*s\"", static_cast<int>(key.size()), key.data());
  }
  return *value;
}

Result<uint64_t> TextRecord::Number(std::string_view key) const {
  const std::string_view text = TRY(Text(key));
  return TRY(ParseNumber(text), "\"%.*s\"", static_cast<int>(key.size()), key.data());
}

Result<> TextRecord::Hex(std::string_view key, std::span<uint8_t> out) const {
  const std::string_view text = TRY(Text(key));
  TRY(ParseHex(text, out), "\"%.*s\"", static_cast<int>(key.size()), key.data());
  return {};
}

std::string TextRecord::ToString() const {
  size_t bytes = 0;
  for (const auto& [name, value] : lines_) bytes += name.size() + value.size() + 2;
  std::string text;
  text.reserve(bytes);
  for (const auto& [name, value] : lines_) {
    text += name;
    text += '=';
    text += value;
    text += '\n';
  }
  return text;
}

}  // namespace crashdump
