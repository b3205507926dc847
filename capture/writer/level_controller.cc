// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/level_controller.h"

#include <algorithm>

namespace crashdump {

int LevelController::NextLevel() {
  if (++since_decision_ > kInterval) {
    if (writer_late_ != chunk_late_) {
      level_ = std::clamp(writer_late_ > chunk_late_ ? level_ + 1 : level_ - 1, levels_.lowest, levels_.highest);
    }
    since_decision_ = 1;
    writer_late_ = chunk_late_ = 0;
  }
  ++used_.at(static_cast<size_t>(level_));
  return level_;
}

std::string LevelController::Used() const {
  std::string text;
  for (size_t level = 0; level < used_.size(); ++level) {
    if (used_[level] == 0) continue;
    text += (text.empty() ? "" : " ") + std::to_string(level) + ":" + std::to_string(used_[level]);
  }
  return text;
}

}  // namespace crashdump
