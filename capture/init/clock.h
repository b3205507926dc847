// SPDX-License-Identifier: GPL-2.0-or-later
// The clock of all deadlines: milliseconds that never go back.
#pragma once

#include <cstdint>
#include <ctime>

namespace crashdump {

// A point in time that never comes.
inline constexpr uint64_t kNever = UINT64_MAX;

inline uint64_t NowMs() {
  timespec now{};
  (void)clock_gettime(CLOCK_MONOTONIC, &now);  // cannot fail for this clock
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

// How many seconds are left, for people: the last one that has begun counts.
inline uint64_t SecondsLeft(uint64_t end_ms, uint64_t now_ms) {
  return end_ms > now_ms ? (end_ms - now_ms + 999) / 1000 : 0;
}

}  // namespace crashdump
