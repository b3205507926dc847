// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/crash_screen.h"

#include <sys/klog.h>

#include "capture/init/printable.h"
#include "capture/init/status_line.h"

namespace crashdump {
namespace {

// The child sends fewer.
constexpr size_t kMostTraceEntries = 64;

}  // namespace

Result<> CrashScreen::Refresh() {
  const bool was_shown = is_shown();
  process.Show(content);
  if (!was_shown || is_shown()) return {};
  const std::string terminal = process.terminal();
  if (restarts_left == 0) return Error::Format(ErrorCode::kOs, "%s: what draws there has ended", terminal.c_str());
  --restarts_left;
  process = TRY(ScreenProcess::Start(terminal.c_str()));
  process.Show(content);
  return {};
}

void CrashScreen::SetFact(std::string_view fact) {
  const std::string_view name = TakeFirstWord(fact);
  const std::string text = Printable(fact);
  // The first fact of an attempt.
  if (name == "panic") {
    content.panic = text;
    content.trace.clear();
    content.messages.clear();
  }
  if (name == "cause") content.cause = text;
  if (name == "kernel") content.kernel = text;
  if (name == "machine") content.machine = text;
  if (name == "process") content.process = text;
  if (name == "trace" && content.trace.size() < kMostTraceEntries) content.trace.push_back(text);
}

Result<> TakeOverTerminal(CrashScreen& screen, const char* path) {
  screen.process = TRY(ScreenProcess::Start(path));
  // SYSLOG_ACTION_CONSOLE_LEVEL (syslog(2)); 1: emergencies only.
  constexpr int kConsoleLevel = 8;
  (void)klogctl(kConsoleLevel, nullptr, 1);
  return screen.Refresh();
}

}  // namespace crashdump
