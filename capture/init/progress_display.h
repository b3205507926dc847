// SPDX-License-Identifier: GPL-2.0-or-later
// What the console shows while the capture runs, at a rate that a slow serial line bears.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "capture/init/status_line.h"

namespace crashdump {

struct ProgressText {
  unsigned percent = 0;
  std::string details;  // "1.6 GiB of 3.8 GiB, 310 MiB/s, 0:07 left, 96.0 MiB written"
};

class ProgressDisplay {
 public:
  static constexpr uint64_t kIntervalMs = 2000;

  // The clock starts at `start_ms`.
  explicit ProgressDisplay(uint64_t start_ms) : shown_ms_(start_ms) {}

  // What to show now; nothing if the last is less than kIntervalMs old.
  std::optional<ProgressText> Update(const Progress& progress, uint64_t now_ms);

 private:
  uint64_t shown_ms_;
  uint64_t shown_done_ = 0;
  uint64_t bytes_per_second_ = 0;  // smoothed over the last few lines; 0: not known yet
};

// Lets a burst of lines through and then one per interval: a million notes must not hold up a capture.
class LineLimiter {
 public:
  static constexpr uint32_t kBurst = 20;
  static constexpr uint64_t kIntervalMs = 2000;

  bool Allow(uint64_t now_ms);
  // How many were not allowed since the last call.
  uint64_t TakeDropped();

 private:
  uint32_t left_ = kBurst;
  uint64_t last_ms_ = 0;
  uint64_t dropped_ = 0;
};

// "1:05" or "2:00:09".
std::string FormatDuration(uint64_t seconds);

}  // namespace crashdump
