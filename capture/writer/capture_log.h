// SPDX-License-Identifier: GPL-2.0-or-later
// CaptureLog: what a capture has to say about itself, for the dump's summary. Bounded, and allocated when it is made.
#pragma once

#include <string>
#include <string_view>

#include "common/base/units.h"

namespace crashdump {

class CaptureLog {
 public:
  static constexpr size_t kMaxBytes = 16 * kKiB;

  CaptureLog() { text_.reserve(kMaxBytes); }

  // Adds a line, escaped. Once the log is full, further lines are only counted.
  void Add(std::string_view line);

  // Lines "log=...", and a count of the lines that had no room.
  std::string ToRecord() const;

 private:
  std::string text_;  // each line with its newline
  uint64_t dropped_ = 0;
};

// `text` without anything that could not stand in one line of a text record.
std::string OneLine(std::string_view text);

}  // namespace crashdump
