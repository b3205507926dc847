// SPDX-License-Identifier: GPL-2.0-or-later
// TextRecord: a small "key=value" text: key records, target descriptions, configuration, machine facts.
// Lines that begin with '#' and blank lines are skipped. A key may stand more than once.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace crashdump {

// Its lines may be keys: what it has held is erased when it goes.
class TextRecord {
 public:
  TextRecord() = default;
  TextRecord(const TextRecord&) = default;
  TextRecord& operator=(const TextRecord&) = delete;
  TextRecord(TextRecord&&) = default;
  TextRecord& operator=(TextRecord&&) = delete;
  ~TextRecord();

  // Fails with the number of the line that has no '=' or an empty key, or that holds a NUL.
  static Result<TextRecord> Parse(std::string_view text);

  // Appends a line. A value must hold no newline and no NUL; that is the caller's to know (Require).
  void Add(std::string_view key, std::string_view value);
  void AddNumber(std::string_view key, uint64_t value);
  void AddHex(std::string_view key, std::span<const uint8_t> bytes);

  // The first value of `key`, if any. The view is valid until the record changes.
  std::optional<std::string_view> Find(std::string_view key) const;
  std::vector<std::string_view> FindAll(std::string_view key) const;

  // Required values; the error names the key. Numbers are decimal; hex gives exactly `out.size()` bytes.
  Result<std::string_view> Text(std::string_view key) const;
  Result<uint64_t> Number(std::string_view key) const;
  Result<> Hex(std::string_view key, std::span<uint8_t> out) const;

  const std::vector<std::pair<std::string, std::string>>& lines() const { return lines_; }
  // In one piece of memory, so that no part of it is left behind.
  std::string ToString() const;

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

}  // namespace crashdump
