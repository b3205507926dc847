// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/shell.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "capture/init/clock.h"

namespace crashdump {
namespace {

// The shell's own applets are found without a path.
constexpr std::array<const char*, 4> kEnvironment = {"PATH=/sbin:/bin", "HOME=/", "TERM=linux", nullptr};

// console_codes(4): colours, palette, cursor and wrapping as ever, on a terminal that was brown; the rest is no harm.
constexpr const char* kClear = "\x1b]R\x1b[0m\x1b[?25h\x1b[?7h\x1b[H\x1b[2J";

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

// In the child, which leads a session of its own. Returns only if the shell cannot be run.
bool Execute(const std::string& terminal, const ShellProgram& program) {
  // Without O_NONBLOCK again once it is open: opening must not wait for a serial line's carrier.
  const int fd = open(terminal.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (fd < 0 || fcntl(fd, F_SETFL, 0) != 0) return false;
  // Job control needs it. /dev/tty0 does not become one by itself (drivers/tty/tty_io.c, tty_open).
  (void)ioctl(fd, TIOCSCTTY, 1);
  MakeSane(fd);
  if (program.clears) (void)!write(fd, kClear, strlen(kClear));
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (dup2(fd, standard) < 0) return false;
  }
  // Init's own, such as the watchdog, are not for the shell.
  constexpr int kMostDescriptors = 256;
  for (int other = STDERR_FILENO + 1; other < kMostDescriptors; ++other) (void)close(other);
  std::array<char*, 2> arguments = {const_cast<char*>(program.name), nullptr};
  (void)execve(program.path, arguments.data(), const_cast<char**>(kEnvironment.data()));
  (void)dprintf(STDERR_FILENO, "crashdump: %s cannot be run: %s\n", program.path, strerror(errno));
  return false;
}

}  // namespace

Result<> RunShell(InitContext& init, const std::string& terminal, const ShellProgram& program) {
  const ChildProcess child = TRY(ChildProcess::Call([&] { return Execute(terminal, program); }));
  init.port.Line("shell %s", terminal.c_str());
  std::optional<int> status;
  while (!status) status = WaitForEnd(init, child, NowMs() + kGuardMs);
  // What it has left behind.
  child.Kill();
  init.port.Line("shell ended");
  init.console.TakeKeysAgain();
  return {};
}

}  // namespace crashdump
