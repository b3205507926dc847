// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/lone_keys.h"

#include <algorithm>

namespace crashdump {

void LoneKeys::OnKey(const Key& key, uint64_t now_ms) {
  const auto is_of = [&](const Terminal& each) { return each.name == key.terminal; };
  auto found = std::find_if(terminals_.begin(), terminals_.end(), is_of);
  if (found == terminals_.end()) {
    found = terminals_.insert(found, Terminal{.name = key.terminal, .last = {}, .last_ms = 0, .is_candidate = false});
  }
  Terminal& terminal = *found;
  const bool is_first = terminal.last_ms == 0;
  const bool belongs = !is_first && now_ms < terminal.last_ms + kApartMs;
  const bool is_repeated = !is_first && key.value == terminal.last.value && now_ms < terminal.last_ms + kRepeatMs;
  // Enter, as some terminals send it.
  const bool is_second_half = terminal.last.value == '\r' && (key.value == '\n' || key.value == '\0');
  terminal.last_ms = now_ms;
  if (belongs && terminal.is_candidate && is_second_half) return;
  terminal.last = key;
  terminal.is_candidate = !belongs && !is_repeated && now_ms >= begin_ms_ + kTooEarlyMs;
}

std::optional<Key> LoneKeys::Take(uint64_t now_ms) {
  for (Terminal& terminal : terminals_) {
    if (now_ms < terminal.ProvenAt()) continue;
    terminal.is_candidate = false;
    return terminal.last;
  }
  return std::nullopt;
}

uint64_t LoneKeys::WakeAt() const {
  uint64_t earliest_ms = kNever;
  for (const Terminal& terminal : terminals_) earliest_ms = std::min(earliest_ms, terminal.ProvenAt());
  return earliest_ms;
}

}  // namespace crashdump
