// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/line_output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "capture/init/clock.h"
#include "capture/init/printable.h"

namespace crashdump {
namespace {

constexpr uint64_t kPatienceMs = 500;

// How much of `text` was taken in time.
size_t WriteBounded(int fd, std::string_view text, uint64_t patience_ms) {
  const uint64_t end_ms = NowMs() + patience_ms;
  size_t done = 0;
  while (done < text.size()) {
    const uint64_t now_ms = NowMs();
    // A write to a descriptor that blocks would wait for as long as the line's flow control says: ask first.
    pollfd ready = {.fd = fd, .events = POLLOUT, .revents = 0};
    const int left_ms = now_ms < end_ms ? static_cast<int>(end_ms - now_ms) : 0;
    if (poll(&ready, 1, left_ms) < 1 || (ready.revents & POLLOUT) == 0) return done;
    const ssize_t put = write(fd, text.data() + done, text.size() - done);
    if (put < 0 && errno != EAGAIN && errno != EINTR) return done;
    if (put > 0) done += static_cast<size_t>(put);
    if (put <= 0 && now_ms >= end_ms) return done;
  }
  return done;
}

}  // namespace

void WriteLine(int fd, const std::string& line, LineOutput& output) {
  // A line that was torn is ended, so that this one stands alone.
  const std::string text = (output.torn ? "\n" : "") + Printable(line) + "\n";
  const size_t done = WriteBounded(fd, text, output.stuck ? 0 : kPatienceMs);
  output.stuck = done < text.size();
  if (done > 0) output.torn = output.stuck;
}

}  // namespace crashdump
