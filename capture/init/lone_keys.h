// SPDX-License-Identifier: GPL-2.0-or-later
// LoneKeys: tells the keys that a person presses from whatever else comes in: a line that echoes what is written to it,
// noise, the sequences of keys that have no character, a key that is held down. Only one that stands alone counts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "capture/init/clock.h"
#include "capture/init/key.h"

namespace crashdump {

class LoneKeys {
 public:
  // What comes within this time is no answer yet: nobody reads and answers that fast, and it may be an echo.
  static constexpr uint64_t kTooEarlyMs = 500;
  // Two that come from one terminal within this time belong together.
  static constexpr uint64_t kApartMs = 150;
  // The same key again within this time is still held down: a keyboard repeats it after 250 ms for the first time
  // (drivers/input/keyboard/atkbd.c, Linux 6.1).
  static constexpr uint64_t kRepeatMs = 400;

  explicit LoneKeys(uint64_t now_ms) : begin_ms_(now_ms) {}

  void OnKey(const Key& key, uint64_t now_ms);
  // The next key that has proven to stand alone by now, once.
  std::optional<Key> Take(uint64_t now_ms);
  // When Take() may have one.
  uint64_t WakeAt() const;

 private:
  struct Terminal {
    std::string name;
    Key last;
    uint64_t last_ms = 0;
    bool is_candidate = false;  // `last` has stood alone so far

    uint64_t ProvenAt() const { return is_candidate ? last_ms + kApartMs : kNever; }
  };

  uint64_t begin_ms_;
  // Each by itself: noise on one does not drown what is typed at another.
  std::vector<Terminal> terminals_;
};

}  // namespace crashdump
