// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/base/parse.h"

#include <array>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <optional>

#include "common/base/units.h"

namespace crashdump {
namespace {

Error NotA(const char* what, std::string_view text) {
  return Error::Format(ErrorCode::kInvalidArgument, "\"%.*s\" is not %s", static_cast<int>(text.size()), text.data(),
                       what);
}

std::optional<uint64_t> ParseDigits(std::string_view text, int base) {
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc{} || stop != end || text.empty()) return std::nullopt;
  return value;
}

std::optional<uint8_t> HexDigit(char digit) {
  if (digit >= '0' && digit <= '9') return static_cast<uint8_t>(digit - '0');
  if (digit >= 'a' && digit <= 'f') return static_cast<uint8_t>(digit - 'a' + 10);
  if (digit >= 'A' && digit <= 'F') return static_cast<uint8_t>(digit - 'A' + 10);
  return std::nullopt;
}

}  // namespace

Result<uint64_t> ParseNumber(std::string_view text) {
  const std::optional<uint64_t> value = ParseDigits(text, 10);
  if (!value) return NotA("a number", text);
  return *value;
}

Result<uint64_t> ParseHexNumber(std::string_view text) {
  const std::optional<uint64_t> value = ParseDigits(text, 16);
  if (!value) return NotA("a hexadecimal number", text);
  return *value;
}

Result<uint64_t> ParseSize(std::string_view text) {
  const size_t digits = text.find_first_not_of("0123456789");
  const std::string_view unit = digits == std::string_view::npos ? std::string_view() : text.substr(digits);
  const std::optional<uint64_t> number = ParseDigits(text.substr(0, digits), 10);
  if (!number) return NotA("a size such as 512M or 2G", text);
  uint64_t factor = 1;
  if (!unit.empty() && unit != "B") {
    constexpr std::string_view kLetters = "KMGT";
    const size_t power = kLetters.find(unit.front() == 'k' ? 'K' : unit.front());
    const std::string_view rest = unit.substr(1);
    if (power == std::string_view::npos || (!rest.empty() && rest != "B" && rest != "iB")) {
      return NotA("a size such as 512M or 2G", text);
    }
    factor = kKiB << (10 * power);
  }
  const std::optional<uint64_t> bytes = CheckedMultiply(*number, factor);
  if (!bytes) return NotA("a size that this program can count", text);
  return *bytes;
}

Result<> ParseHex(std::string_view text, MutableBytes out) {
  if (text.size() != out.size() * 2) {
    return Error::Format(ErrorCode::kInvalidArgument, "%zu hexadecimal digits where %zu are expected", text.size(),
                         out.size() * 2);
  }
  for (size_t i = 0; i < out.size(); ++i) {
    const std::optional<uint8_t> high = HexDigit(text[2 * i]);
    const std::optional<uint8_t> low = HexDigit(text[2 * i + 1]);
    if (!high || !low) return NotA("hexadecimal", text);
    out[i] = static_cast<uint8_t>(*high << 4 | *low);
  }
  return {};
}

std::string ToHex(Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string FormatSize(uint64_t bytes) {
  std::array<char, 32> text{};
  if (bytes < kKiB) {
    (void)snprintf(text.data(), text.size(), "%" PRIu64 " bytes", bytes);
    return text.data();
  }
  const char* unit = "KiB";
  uint64_t size = kKiB;
  for (const char* larger : {"MiB", "GiB", "TiB"}) {
    if (bytes / kKiB < size) break;
    size *= kKiB;
    unit = larger;
  }
  const uint64_t whole = bytes / size;
  if (whole >= 100) {
    (void)snprintf(text.data(), text.size(), "%" PRIu64 " %s", whole, unit);
  } else {
    (void)snprintf(text.data(), text.size(), "%" PRIu64 ".%" PRIu64 " %s", whole, (bytes % size) * 10 / size, unit);
  }
  return text.data();
}

std::string_view TrimSpace(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace crashdump
