// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/shell.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "capture/init/clock.h"
#include "capture/init/session.h"
#include "capture/screen/terminal_screen.h"
#include "common/base/pipe.h"

namespace crashdump {
namespace {

constexpr uint64_t kStartMs = 10'000;
constexpr uint64_t kLongestMs = uint64_t{24} * 3600 * 1000;
constexpr uint64_t kSyncMs = 60'000;
constexpr uint64_t kDeathMs = 2000;

// The shell's own applets are found without a path.
constexpr std::array<const char*, 4> kEnvironment = {"PATH=/sbin:/bin", "HOME=/", "TERM=linux", nullptr};

// A terminal as people expect it: it echoes, Ctrl-C and Ctrl-Z work, the erase key erases.
void MakeSane(int fd) {
  struct termios settings {};
  if (tcgetattr(fd, &settings) != 0) return;
  settings.c_iflag = ICRNL | IXON | BRKINT | (settings.c_iflag & IUTF8);
  settings.c_oflag = OPOST | ONLCR;
  settings.c_lflag = ISIG | ICANON | IEXTEN | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE;
  settings.c_cc[VINTR] = 'C' & 0x1f;
  settings.c_cc[VSUSP] = 'Z' & 0x1f;
  settings.c_cc[VQUIT] = '\\' & 0x1f;
  settings.c_cc[VEOF] = 'D' & 0x1f;
  settings.c_cc[VERASE] = 0x7f;
  (void)tcsetattr(fd, TCSANOW, &settings);
}

struct Place {
  const std::string& terminal;
  bool was_screen;
};

// In the child, which leads a session of its own. Returns only if the shell cannot be run; `failures` is told why.
bool Execute(const Place& place, const ShellProgram& program, int failures) {
  const auto fail = [&](const char* what) {
    (void)dprintf(failures, "%s: %s", what, strerror(errno));
    return false;
  };
  // Without O_NONBLOCK again once it is open: opening must not wait for a serial line's carrier.
  const int fd = open(place.terminal.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (fd < 0 || fcntl(fd, F_SETFL, 0) != 0) return fail(place.terminal.c_str());
  // Job control needs it. /dev/tty0 does not become one by itself (drivers/tty/tty_io.c, tty_open).
  (void)ioctl(fd, TIOCSCTTY, 1);
  MakeSane(fd);
  if (place.was_screen) ResetTerminal(fd);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (dup2(fd, standard) < 0) return fail(place.terminal.c_str());
  }
  CloseAllBut({failures});
  std::array<char*, 2> arguments = {const_cast<char*>(program.name), nullptr};
  (void)execve(program.path, arguments.data(), const_cast<char**>(kEnvironment.data()));
  return fail(program.path);
}

// Until it has begun to run, or has ended.
Result<> WaitForStart(InitContext& init, const ChildProcess& child, int failures, bool& ended) {
  const uint64_t end_ms = NowMs() + kStartMs;
  while (NowMs() < end_ms) {
    std::array<char, 256> text{};
    const ssize_t got = read(failures, text.data(), text.size() - 1);
    if (got > 0) return Error::Format(ErrorCode::kOs, "%s", text.data());
    // The end of the pipe: execve() has closed it.
    if (got == 0) return {};
    constexpr uint64_t kLookMs = 20;
    ended = ended || WaitForEvents(init, {.child = &child}, NowMs() + kLookMs).exit.has_value();
  }
  return Error::Format(ErrorCode::kTimeout, "it does not start");
}

// What was written by hand must not be lost with the machine; the capture itself leaves nothing to be written.
void Sync(InitContext& init) {
  const Result<ChildProcess> child = ChildProcess::Call([] {
    sync();
    return true;
  });
  if (child.ok() && WaitForEnd(init, child.value(), NowMs() + kSyncMs)) return;
  if (child.ok()) child.value().Kill();
  Note(init, "what was written in the shell may not be on its disk");
}

// It would draw over the shell, and take a part of what is typed.
void EndScreen(InitContext& init) {
  const pid_t pid = init.screen.process.pid();
  init.screen.process.Kill();
  const uint64_t end_ms = NowMs() + kDeathMs;
  while (kill(pid, 0) == 0 && NowMs() < end_ms) Pause(init, 10);
}

Result<> RunOn(InitContext& init, const Place& place, const ShellProgram& program) {
  Pipe failures = TRY(Pipe::Open());
  if (fcntl(failures.reader.get(), F_SETFL, O_NONBLOCK) != 0) return Error::Os(errno, "fcntl");
  const ChildProcess child = TRY(ChildProcess::Call([&] { return Execute(place, program, failures.writer.get()); }));
  failures.writer.Reset();
  bool ended = false;
  const Result<> started = WaitForStart(init, child, failures.reader.get(), ended);
  if (started.ok()) {
    init.port.Line("shell %s", place.terminal.c_str());
    ended = ended || WaitForEnd(init, child, NowMs() + kLongestMs).has_value();
    init.port.Line("shell ended");
  }
  KillSession(child.pid());
  // Its end hangs the terminal up, for whoever has opened it before.
  if (!ended) (void)WaitForEnd(init, child, NowMs() + kDeathMs);
  return started;
}

}  // namespace

Result<> RunShell(InitContext& init, const std::string& terminal, const ShellProgram& program) {
  const bool was_screen = init.screen.is_shown() && terminal == init.screen.process.terminal();
  if (was_screen) EndScreen(init);
  Result<> done = RunOn(init, {terminal, was_screen}, program);
  init.console.Reopen(terminal);
  if (was_screen) {
    const Result<> again = TakeOverTerminal(init.screen, terminal.c_str());
    if (!again.ok()) {
      GiveTerminalsBack(init, again.error());
      Note(init, "the screen: %s", again.error().text());
    }
  }
  if (done.ok()) Sync(init);
  return done;
}

}  // namespace crashdump
