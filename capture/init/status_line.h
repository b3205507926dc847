// SPDX-License-Identifier: GPL-2.0-or-later
// A line that the capture child writes to its status descriptor. capture/README.md lists them.
#pragma once

#include <cstdint>
#include <string_view>

namespace crashdump {

// How far the capture is, in bytes: of memory gone through, of memory in all, written to the target.
struct Progress {
  uint64_t done = 0;
  uint64_t total = 0;
  uint64_t written = 0;
  bool operator==(const Progress&) const = default;
};

struct StatusLine {
  enum class Kind : uint8_t {
    kStage,
    kTarget,
    kConfirm,
    kMessagesSafe,
    kProgress,
    kNote,
    kResult,
    kFailed,
    kMessage,
    kCrash
  };

  Kind kind = Kind::kNote;
  std::string_view text;  // behind the line's first word; a view of what was parsed
  Progress progress;      // of kProgress
};

// Cuts the first word, and the blank behind it, off.
std::string_view TakeFirstWord(std::string_view& text);

// A line that fits none of the forms is a note, so that nothing the child says (or libc on its behalf) gets lost.
StatusLine ParseStatusLine(std::string_view line);

}  // namespace crashdump
