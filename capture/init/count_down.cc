// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/count_down.h"

#include <unistd.h>

#include <algorithm>

#include "capture/init/clock.h"

namespace crashdump {
namespace {

constexpr uint64_t kSecondMs = 1000;
// Nobody looks for longer, and a machine that has nobody is not to be held by noise on a serial line for ever.
constexpr uint64_t kLongestHoldMs = 3'600'000;
constexpr uint64_t kSyncMs = 60'000;

constexpr char kHoldKey = ' ';

bool IsEnter(char value) { return value == '\r' || value == '\n'; }

std::string InSeconds(uint64_t end_ms, uint64_t now_ms) {
  return "in " + std::to_string((end_ms - std::min(now_ms, end_ms) + kSecondMs - 1) / kSecondMs) + " s";
}

// What was written by hand must not be lost with the machine; the capture itself leaves nothing to be written.
void SyncByHand(InitContext& init) {
  const Result<ChildProcess> child = ChildProcess::Call([] {
    sync();
    return true;
  });
  if (child.ok() && WaitForEnd(init, child.value(), NowMs() + kSyncMs)) return;
  Note(init, "what was written in the shell may not be on its disk");
}

void GiveShell(InitContext& init, const std::string& terminal, const ShellProgram& program) {
  // The screen would draw over it.
  const bool on_screen = init.screen.is_shown() && terminal == init.screen.process.terminal();
  if (on_screen) init.screen.process = ScreenProcess();
  ShellProgram shell = program;
  shell.clears = on_screen;
  const Result<> done = RunShell(init, terminal, shell);
  if (!done.ok()) Note(init, "shell on %s: %s", terminal.c_str(), done.error().text());
  SyncByHand(init);
  if (!on_screen) return;
  const Result<> again = TakeOverTerminal(init.screen, terminal.c_str());
  if (!again.ok()) Note(init, "the screen: %s", again.error().text());
}

}  // namespace

void RunCountDown(InitContext& init, const CountDown& count_down) {
  DiscardKeys(init);
  const char* const enter = count_down.offers_shell ? "; Enter: a shell here" : "";
  uint64_t end_ms = NowMs() + count_down.duration_ms;
  bool held = false;
  const auto tell = [&] {
    if (count_down.is_quiet) return;
    init.console.Line("%s %s (space: %s%s)", count_down.what_follows.c_str(), InSeconds(end_ms, NowMs()).c_str(),
                      held ? "go on" : "wait", enter);
  };
  tell();
  for (uint64_t now_ms = NowMs(); now_ms < end_ms; now_ms = NowMs()) {
    init.screen.content.footer = count_down.what_follows + " " + InSeconds(end_ms, now_ms) +
                                 (held ? ". Space: go on" : ". Space: wait") + enter + ".";
    init.screen.Refresh();
    const std::optional<Key> key = WaitForKey(init, std::min(end_ms, now_ms + kSecondMs));
    if (!key) continue;
    if (key->value == kHoldKey) {
      if (held) return;
      held = true;
      end_ms = NowMs() + kLongestHoldMs;
      tell();
    } else if (count_down.offers_shell && IsEnter(key->value)) {
      return GiveShell(init, key->terminal, count_down.shell);
    }
  }
}

}  // namespace crashdump
