// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/progress_display.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>

#include "common/base/parse.h"
#include "common/base/units.h"

namespace crashdump {
namespace {

// 0 to 100. Rounded down: 100 % means that all is done. No overflow, however large the init.
unsigned Percent(const Progress& progress) {
  if (progress.done >= progress.total) return 100;
  if (progress.total >= UINT64_MAX / 100) return static_cast<unsigned>(progress.done / (progress.total / 100));
  return static_cast<unsigned>(progress.done * 100 / progress.total);
}

uint64_t Rate(uint64_t bytes, uint64_t elapsed_ms) {
  const std::optional<uint64_t> scaled = CheckedMultiply(bytes, 1000);
  return scaled ? *scaled / elapsed_ms : bytes / std::max<uint64_t>(elapsed_ms / 1000, 1);
}

}  // namespace

std::string FormatDuration(uint64_t seconds) {
  std::array<char, 48> text{};
  const uint64_t hours = seconds / 3600;
  const uint64_t minutes = seconds / 60 % 60;
  if (hours > 0) {
    (void)snprintf(text.data(), text.size(), "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, hours, minutes, seconds % 60);
  } else {
    (void)snprintf(text.data(), text.size(), "%" PRIu64 ":%02" PRIu64, minutes, seconds % 60);
  }
  return text.data();
}

std::optional<ProgressText> ProgressDisplay::Update(const Progress& progress, uint64_t now_ms) {
  const uint64_t elapsed_ms = now_ms - shown_ms_;
  if (elapsed_ms < kIntervalMs) return std::nullopt;
  // Zero pages pass ten times faster than full ones: the mean of the last lines foretells better than that of all.
  const uint64_t moved = progress.done >= shown_done_ ? progress.done - shown_done_ : 0;
  const uint64_t latest = Rate(moved, elapsed_ms);
  bytes_per_second_ = bytes_per_second_ == 0 ? latest : bytes_per_second_ / 4 * 3 + latest / 4;
  shown_ms_ = now_ms;
  shown_done_ = progress.done;

  const uint64_t left = progress.total > progress.done ? progress.total - progress.done : 0;
  std::string details = FormatSize(progress.done) + " of " + FormatSize(progress.total) + ", " +
                        std::to_string(bytes_per_second_ / kMiB) + " MiB/s, ";
  details += bytes_per_second_ == 0 ? "-:--" : FormatDuration((left + bytes_per_second_ - 1) / bytes_per_second_);
  details += " left, " + FormatSize(progress.written) + " written";
  return ProgressText{.percent = Percent(progress), .details = std::move(details)};
}

bool LineLimiter::Allow(uint64_t now_ms) {
  if (now_ms - last_ms_ >= kIntervalMs && left_ == 0) left_ = 1;
  if (left_ == 0) {
    ++dropped_;
    return false;
  }
  --left_;
  last_ms_ = now_ms;
  return true;
}

uint64_t LineLimiter::TakeDropped() {
  const uint64_t dropped = dropped_;
  dropped_ = 0;
  return dropped;
}

}  // namespace crashdump
