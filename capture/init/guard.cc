// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/guard.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "capture/init/clock.h"
#include "common/base/io.h"
#include "common/base/pipe.h"

namespace crashdump {
namespace {

// Runs in the guard's process. Each message is the number of milliseconds until which the next one must have come.
[[noreturn]] void Watch(int pipe, void (*on_expiry)()) {
  // PID 1 is exempt from the out-of-memory killer, its guard must be told so.
  (void)WriteExistingFile("/proc/self/oom_score_adj", "-1000");
  uint64_t deadline_ms = kNever;
  while (true) {
    const uint64_t now_ms = NowMs();
    if (now_ms >= deadline_ms) break;
    const uint64_t left_ms = deadline_ms - now_ms;
    pollfd ready = {.fd = pipe, .events = POLLIN, .revents = 0};
    const int timeout_ms = deadline_ms == kNever ? -1 : static_cast<int>(left_ms < INT_MAX ? left_ms : INT_MAX);
    if (poll(&ready, 1, timeout_ms) < 1) continue;
    std::array<uint64_t, 32> limits{};
    const ssize_t got = read(pipe, limits.data(), sizeof(limits));
    if (got < 0 && errno == EINTR) continue;
    // The end of PID 1 is a kernel panic, for which panic= on the command line has the answer.
    if (got < static_cast<ssize_t>(sizeof(limits[0]))) _exit(0);
    // A message of 8 bytes is never torn: it is smaller than PIPE_BUF, and so is what is read a multiple of it.
    deadline_ms = NowMs() + limits[static_cast<size_t>(got) / sizeof(limits[0]) - 1];
  }
  on_expiry();
  _exit(0);
}

}  // namespace

Result<Guard> Guard::Start(void (*on_expiry)()) {
  Pipe pipe = TRY(Pipe::Open());
  // A guard that is stuck itself must not hold up init. Its own end blocks.
  (void)fcntl(pipe.writer.get(), F_SETFL, O_NONBLOCK);
  const pid_t pid = fork();
  if (pid < 0) return Error::Os(errno, "fork");
  if (pid == 0) {
    pipe.writer.Reset();
    Watch(pipe.reader.get(), on_expiry);
  }
  return Guard(pid, std::move(pipe.writer));
}

void Guard::Expect(uint64_t limit_ms, uint64_t now_ms) {
  if (!pipe_.valid() || (sent_limit_ms_ == limit_ms && now_ms - sent_ms_ < 1000)) return;
  (void)!write(pipe_.get(), &limit_ms, sizeof(limit_ms));
  sent_limit_ms_ = limit_ms;
  sent_ms_ = now_ms;
}

}  // namespace crashdump
