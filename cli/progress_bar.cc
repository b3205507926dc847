// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/progress_bar.h"

#include <unistd.h>

#include <array>
#include <cinttypes>
#include <cstdio>

#include "common/base/io.h"
#include "common/base/parse.h"

namespace crashdump {

std::string ProgressText(uint64_t done, uint64_t total, uint64_t milliseconds) {
  constexpr uint64_t kCells = 30;
  const uint64_t known = done < total ? done : total;
  const double part = total == 0 ? 1.0 : static_cast<double>(known) / static_cast<double>(total);
  const auto filled = static_cast<size_t>(part * static_cast<double>(kCells));
  std::array<char, 32> percent;
  (void)snprintf(percent.data(), percent.size(), "] %3.0f %%  ", part * 100.0);
  std::string text = "[" + std::string(filled, '#') + std::string(kCells - filled, '.') + percent.data() +
                     FormatSize(known) + " of " + FormatSize(total);
  if (milliseconds == 0 || known == 0) return text;
  const double per_second = static_cast<double>(known) * 1000.0 / static_cast<double>(milliseconds);
  const auto left = static_cast<uint64_t>(static_cast<double>(total - known) / per_second);
  std::array<char, 48> time;
  (void)snprintf(time.data(), time.size(), ", %" PRIu64 ":%02" PRIu64 " left", left / 60, left % 60);
  return text + ", " + FormatSize(static_cast<uint64_t>(per_second)) + "/s" + time.data();
}

ProgressBar::ProgressBar() : is_terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (drawn_) (void)WriteFull(STDERR_FILENO, BytesOf(std::string_view("\r\033[K")));
}

void ProgressBar::Update(uint64_t done, uint64_t total) {
  if (!is_terminal_) return;
  const Clock::time_point now = Clock::now();
  if (now < next_) return;
  next_ = now + std::chrono::milliseconds(200);
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - begin_).count();
  const std::string line = "\r\033[K" + ProgressText(done, total, static_cast<uint64_t>(elapsed));
  (void)WriteFull(STDERR_FILENO, BytesOf(line));
  drawn_ = true;
}

}  // namespace crashdump
