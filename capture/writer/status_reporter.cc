// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/status_reporter.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <string>

#include "capture/writer/capture_log.h"
#include "common/base/io.h"

namespace crashdump {
namespace {

// Init cuts longer lines.
constexpr size_t kMaxLineBytes = 1000;

}  // namespace

void StatusReporter::Line(std::string_view word, std::string_view text) const {
  // A character that is cut in two at the end is init's to escape.
  std::string line = std::string(word) + OneLine(text);
  if (line.size() > kMaxLineBytes) line.resize(kMaxLineBytes);
  line += '\n';
  (void)WriteFull(fd_, BytesOf(line));
}

void StatusReporter::Result(std::string_view kind, std::string_view text) const {
  Line("result ", std::string(kind) + " " + std::string(text));
}

void StatusReporter::Crash(std::string_view name, std::string_view text) const {
  if (!text.empty()) Line("crash ", std::string(name) + " " + std::string(text));
}

void StatusReporter::Progress(const CaptureProgress& progress) const {
  std::array<char, 80> text;
  (void)snprintf(text.data(), text.size(), "%" PRIu64 " %" PRIu64 " %" PRIu64, progress.done_bytes,
                 progress.total_bytes, progress.written_bytes);
  Line("progress ", text.data());
}

void StatusReporter::Messages(std::string_view text, size_t lines) const {
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  size_t begin = text.size();
  for (size_t i = 0; i < lines && begin != std::string_view::npos && begin != 0; ++i) {
    begin = text.rfind('\n', begin - 1);
  }
  text.remove_prefix(begin == std::string_view::npos || begin == 0 ? 0 : begin + 1);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    Line("message ", text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string StatusReporter::AwaitAnswer(uint64_t seconds) const {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point end = Clock::now() + std::chrono::seconds(seconds);
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) return {};
    struct pollfd events = {.fd = answers_, .events = POLLIN, .revents = 0};
    const int ready = poll(&events, 1, static_cast<int>(std::min<long long>(left, 60'000)));
    if (ready < 0 && errno != EINTR) return {};
    if (ready <= 0) continue;
    // Init says one thing at a time, and only when it is asked; the end of the pipe means that it says no more.
    std::array<char, 16> answer;
    const ssize_t got = read(answers_, answer.data(), answer.size());
    return got > 0 ? std::string(answer.data(), static_cast<size_t>(got)) : std::string();
  }
}

void StatusReporter::AwaitGo(uint64_t seconds) const { (void)AwaitAnswer(seconds); }

bool StatusReporter::AwaitYes(uint64_t seconds) const { return AwaitAnswer(seconds) == "yes\n"; }

}  // namespace crashdump
