// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/init_context.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>

#include "capture/init/clock.h"

namespace crashdump {
namespace {

constexpr uint64_t kTickMs = 1000;
// While no host is connected a virtio port is always "ready" (hung up): then it is looked at from time to time.
constexpr uint64_t kHangUpTickMs = 100;

std::optional<Key> ReadKey(InitContext& init) {
  // First what no noise on a line can shut out.
  std::optional<Key> key = init.screen.process.ReadKey();
  return key ? key : init.console.ReadKey();
}

}  // namespace

Events WaitForEvents(InitContext& init, const Awaited& awaited, uint64_t until_ms) {
  const uint64_t now_ms = NowMs();
  init.watchdog.Feed(now_ms);
  init.guard.Expect(kGuardMs, now_ms);

  const uint64_t wait_ms = until_ms > now_ms ? std::min(until_ms - now_ms, kTickMs) : 0;
  const ChildProcess* const child = awaited.child;
  const int child_fd = child != nullptr && awaited.child_input ? child->status_fd() : -1;
  std::array<pollfd, 3 + Console::kMostDevices> ready{};
  for (pollfd& each : ready) each = {.fd = -1, .events = POLLIN, .revents = 0};
  ready[0].fd = child_fd;
  ready[1].fd = init.port.fd();
  if (awaited.keys) {
    ready[2].fd = init.screen.process.keys_fd();
    const Console::KeyFds fds = init.console.key_fds();
    for (size_t i = 0; i < fds.size(); ++i) ready[3 + i].fd = fds[i];
  }
  // SIGCHLD is let in while polling only: it cannot slip in between a look at the children and the wait.
  sigset_t all_but_child;
  sigfillset(&all_but_child);
  sigdelset(&all_but_child, SIGCHLD);
  const auto poll_for = [&](uint64_t ms) {
    const timespec timeout = {.tv_sec = static_cast<time_t>(ms / 1000),
                              .tv_nsec = static_cast<long>(ms % 1000 * 1'000'000)};
    return ppoll(ready.data(), ready.size(), &timeout, &all_but_child);
  };
  Events events;
  int count = poll_for(wait_ms);
  if (count > 0 && (ready[1].revents & POLLIN) != 0) events.go = init.port.ReadGo();
  if (count == 1 && (ready[1].revents & (POLLHUP | POLLERR)) != 0 && !events.go) {
    ready[1].fd = -1;
    count = poll_for(std::min(wait_ms, kHangUpTickMs));
  }
  events.child_input = count > 0 && ready[0].revents != 0;
  if (awaited.keys && count > 0) events.key = ReadKey(init);
  events.exit = Reap(child != nullptr ? child->pid() : -1);
  return events;
}

std::optional<int> WaitForEnd(InitContext& init, const ChildProcess& child, uint64_t until_ms) {
  while (true) {
    const Events events = WaitForEvents(init, {.child = &child}, until_ms);
    if (events.exit || NowMs() >= until_ms) return events.exit;
  }
}

void Pause(InitContext& init, uint64_t duration_ms) {
  const uint64_t end_ms = NowMs() + duration_ms;
  while (NowMs() < end_ms) (void)WaitForEvents(init, {}, end_ms);
}

void DiscardKeys(InitContext& init) {
  // A line that never stops sending must not keep init here.
  constexpr int kMostKeys = 1 << 17;
  for (int i = 0; i < kMostKeys && ReadKey(init); ++i) {
  }
}

void Note(InitContext& init, const char* format, ...) {
  std::array<char, 1024> text{};
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text.data(), text.size(), format, arguments);  // cut off is fine
  va_end(arguments);
  init.console.Line("note: %s", text.data());
  init.port.Line("note %s", text.data());
}

void GiveTerminalsBack(InitContext& init, const Error& reason) {
  if (reason.code() != ErrorCode::kTimeout) init.console.ReturnToTerminals();
}

void RefreshScreen(InitContext& init) {
  const Result<> shown = init.screen.Refresh();
  if (shown.ok()) return;
  GiveTerminalsBack(init, shown.error());
  Note(init, "the screen: %s", shown.error().text());
}

bool IsHeld(const InitContext& init, Stage stage) { return init.options.hold.Contains(stage) && init.port.is_open(); }

void AnnounceStage(InitContext& init, Stage stage) {
  // Before the line, so that a host may answer to it already.
  init.port.DiscardInput();
  init.port.Line("stage %s", StageName(stage));
  if (!IsHeld(init, stage)) return;
  init.console.Line("held at stage %s", StageName(stage));
  init.port.Line("hold %s", StageName(stage));
}

void PassStage(InitContext& init, Stage stage) {
  AnnounceStage(init, stage);
  if (!IsHeld(init, stage)) return;
  const uint64_t end_ms = NowMs() + init.options.hold_ms;
  while (!WaitForEvents(init, {}, end_ms).go) {
    if (NowMs() < end_ms) continue;
    Note(init, "stage %s: no go came in time", StageName(stage));
    return;
  }
}

}  // namespace crashdump
