// SPDX-License-Identifier: GPL-2.0-or-later
// ProgressBar: one line on standard error that is drawn anew, only if that is a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace crashdump {

// "[#########...........]  45 %  1.8 GiB of 4.0 GiB, 512 MiB/s, 0:04 left"
std::string ProgressText(uint64_t done, uint64_t total, uint64_t milliseconds);

class ProgressBar {
 public:
  ProgressBar();
  // Takes the line away.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Bytes. Draws at most five times a second.
  void Update(uint64_t done, uint64_t total);

 private:
  using Clock = std::chrono::steady_clock;

  bool is_terminal_;
  bool drawn_ = false;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point next_ = begin_;
};

}  // namespace crashdump
