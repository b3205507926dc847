// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "common/base/pipe.h"

namespace crashdump {
namespace {

extern "C" void OnChildSignal(int) {}  // its delivery is all that is wanted: it interrupts ppoll

[[noreturn]] void Execute(const char* path, std::span<const std::string> arguments, int answers, int status) {
  std::vector<char*> argv = {const_cast<char*>(path)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::array<char*, 1> environment = {nullptr};

  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  // Init keeps 0, 1 and 2 in use, so that the others are never below 3; dup2 onto itself would keep O_CLOEXEC.
  if (null >= 0 && dup2(answers, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 &&
      dup2(status, STDERR_FILENO) >= 0) {
    const bool in_place =
        status == ChildProcess::kStatusFd ? fcntl(status, F_SETFD, 0) == 0 : dup2(status, ChildProcess::kStatusFd) >= 0;
    if (in_place) (void)execve(path, argv.data(), environment.data());
  }
  (void)dprintf(status, "failed %s cannot be run: %s\n", path, strerror(errno));
  _exit(1);
}

}  // namespace

Result<pid_t> ChildProcess::Fork() {
  const pid_t pid = fork();
  if (pid < 0) return Error::Os(errno, "fork");
  if (pid == 0) {
    (void)setsid();
    (void)signal(SIGCHLD, SIG_DFL);
    (void)signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, nullptr);
  }
  return pid;
}

Result<ChildProcess> ChildProcess::Start(const char* path, std::span<const std::string> arguments) {
  // Pipes, not a socket: a dedicated capture kernel has no network, not even a local one.
  Pipe status = TRY(Pipe::Open());
  Pipe answers = TRY(Pipe::Open());
  // Init waits for nobody.
  for (const int ours : {status.reader.get(), answers.writer.get()}) {
    if (fcntl(ours, F_SETFL, O_NONBLOCK) != 0) return Error::Os(errno, "fcntl");
  }
  const pid_t pid = TRY(Fork());
  if (pid == 0) Execute(path, arguments, answers.reader.get(), status.writer.get());
  return ChildProcess(pid, std::move(status.reader), std::move(answers.writer));
}

void ChildProcess::Send(std::string_view text) const { (void)!write(answers_.get(), text.data(), text.size()); }

void ChildProcess::Kill() const {
  (void)kill(-pid_, SIGKILL);
  (void)kill(pid_, SIGKILL);  // it may not have come to its setsid() yet
}

void CloseAllBut(std::initializer_list<int> kept) {
  constexpr int kMostDescriptors = 256;
  for (int fd = STDERR_FILENO + 1; fd < kMostDescriptors; ++fd) {
    if (std::find(kept.begin(), kept.end(), fd) == kept.end()) (void)close(fd);
  }
}

void PrepareSignals() {
  struct sigaction action {};
  action.sa_handler = OnChildSignal;
  (void)sigaction(SIGCHLD, &action, nullptr);
  // For children that are gone before their answer. A signal that is blocked too would not be ignored but stay pending
  // (sig_ignored() in kernel/signal.c).
  (void)signal(SIGPIPE, SIG_IGN);
  sigset_t all;
  sigfillset(&all);
  sigdelset(&all, SIGPIPE);
  (void)sigprocmask(SIG_SETMASK, &all, nullptr);
}

std::optional<int> Reap(pid_t wanted) {
  std::optional<int> result;
  while (true) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid <= 0) return result;
    if (pid == wanted) result = status;
  }
}

}  // namespace crashdump
