// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/lone_keys.h"

#include <utility>

namespace crashdump {

void LoneKeys::OnKey(const Key& key, uint64_t now_ms) {
  const bool belongs = last_ms_ != 0 && now_ms < last_ms_ + kApartMs;
  // Enter, as some terminals send it.
  const bool is_second_half = candidate_ && candidate_->value == '\r' && key.value == '\n';
  last_ms_ = now_ms;
  if (belongs && is_second_half) return;
  candidate_.reset();
  if (!belongs && now_ms >= begin_ms_ + kTooEarlyMs) candidate_ = key;
}

std::optional<Key> LoneKeys::Take(uint64_t now_ms) {
  if (now_ms < WakeAt()) return std::nullopt;
  return std::exchange(candidate_, std::nullopt);
}

}  // namespace crashdump
