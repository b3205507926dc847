// SPDX-License-Identifier: GPL-2.0-or-later
// LoneKeys: tells the keys that a person presses from whatever else comes in: a line that echoes what is written to it,
// noise, the sequences of keys that have no character, a key that is held down. Only one that stands alone counts.
#pragma once

#include <cstdint>
#include <optional>

#include "capture/init/clock.h"
#include "capture/init/key.h"

namespace crashdump {

class LoneKeys {
 public:
  // What comes within this time is no answer yet: nobody reads and answers that fast, and it may be an echo.
  static constexpr uint64_t kTooEarlyMs = 500;
  // Two that come within this time belong together. A keyboard repeats every 33 ms, after 250 ms at least
  // (drivers/input/keyboard/atkbd.c, Linux 6.1).
  static constexpr uint64_t kApartMs = 150;

  explicit LoneKeys(uint64_t now_ms) : begin_ms_(now_ms) {}

  void OnKey(const Key& key, uint64_t now_ms);
  // The key that has proven to stand alone by now, once.
  std::optional<Key> Take(uint64_t now_ms);
  // When Take() may have one.
  uint64_t WakeAt() const { return candidate_ ? last_ms_ + kApartMs : kNever; }

 private:
  uint64_t begin_ms_;
  uint64_t last_ms_ = 0;
  std::optional<Key> candidate_;
};

}  // namespace crashdump
