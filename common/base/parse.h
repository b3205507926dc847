// SPDX-License-Identifier: GPL-2.0-or-later
// Numbers, sizes and hexadecimal in text. Whole text or error: "12x" is no number.
#pragma once

#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace crashdump {

// Decimal.
Result<uint64_t> ParseNumber(std::string_view text);
// Hexadecimal digits without "0x".
Result<uint64_t> ParseHexNumber(std::string_view text);
// A number of bytes: "4096", "64K", "64M", "2G", "1T" (powers of 1024; a "iB" or "B" behind the letter is accepted).
Result<uint64_t> ParseSize(std::string_view text);
// Exactly out.size() bytes, two digits each, no separators.
Result<> ParseHex(std::string_view text, MutableBytes out);

std::string ToHex(Bytes bytes);
// "1.4 GiB", "312 MiB", "17 bytes": for people.
std::string FormatSize(uint64_t bytes);

// Without blanks, tabs and newlines at both ends; a view of the same memory.
std::string_view TrimSpace(std::string_view text);

}  // namespace crashdump
