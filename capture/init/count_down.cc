// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/count_down.h"

#include <algorithm>

#include "capture/init/clock.h"
#include "capture/init/lone_keys.h"

namespace crashdump {
namespace {

constexpr uint64_t kSecondMs = 1000;
constexpr char kHoldKey = ' ';

bool IsEnter(char value) { return value == '\r' || value == '\n'; }

std::string InSeconds(uint64_t end_ms, uint64_t now_ms) {
  return "in " + std::to_string(SecondsLeft(end_ms, now_ms)) + " s";
}

}  // namespace

void RunCountDown(InitContext& init, const CountDown& count_down) {
  DiscardKeys(init);
  LoneKeys keys(NowMs());
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
    init.screen.content.footer = count_down.what_follows + " " + InSeconds(end_ms, now_ms) + ".";
    if (init.screen.has_keyboard) {
      init.screen.content.footer += std::string(held ? " Space: go on" : " Space: wait") + enter + ".";
    }
    RefreshScreen(init);
    const Events events = WaitForEvents(init, {.keys = true}, std::min({end_ms, now_ms + kSecondMs, keys.WakeAt()}));
    if (events.key) keys.OnKey(*events.key, NowMs());
    const std::optional<Key> key = keys.Take(NowMs());
    if (!key) continue;
    if (key->value == kHoldKey) {
      if (held) return;
      held = true;
      end_ms = NowMs() + count_down.longest_hold_ms;
      tell();
    } else if (count_down.offers_shell && IsEnter(key->value)) {
      init.screen.content.footer = "There is a shell on " + key->terminal + ".";
      RefreshScreen(init);
      const Result<> done = RunShell(init, key->terminal, count_down.shell);
      if (done.ok()) return;
      Note(init, "no shell on %s: %s", key->terminal.c_str(), done.error().text());
    }
  }
}

}  // namespace crashdump
