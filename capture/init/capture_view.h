// SPDX-License-Identifier: GPL-2.0-or-later
// CaptureView: what people see of an attempt, on the consoles and on the screen.
#pragma once

#include <cstdint>

#include "capture/init/init_context.h"
#include "capture/init/progress_display.h"
#include "capture/init/status_line.h"

namespace crashdump {

class CaptureView {
 public:
  // Borrows `init`.
  CaptureView(InitContext& init, uint64_t now_ms) : init_(init), progress_(now_ms) {}

  // A line of the capture child. What it changes on the screen is seen after the next Refresh() of that.
  void OnLine(const StatusLine& line, uint64_t now_ms);

 private:
  void ShowOnScreen(const StatusLine& line);

  InitContext& init_;
  ProgressDisplay progress_;
  LineLimiter limiter_;
  uint32_t messages_shown_ = 0;
  uint32_t facts_shown_ = 0;
};

}  // namespace crashdump
