// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/run_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "common/base/pipe.h"

namespace crashdump {
namespace {

constexpr size_t kMostOutput = 16384;
constexpr std::chrono::milliseconds kPause{20};

// What a copy of this process needs in order to become the program, made before there is a copy.
struct Execution {
  explicit Execution(const ProgramRun& run) : path(run.path.c_str()), inherited(run.inherited) {
    arguments.push_back(const_cast<char*>(path));
    for (const std::string& argument : run.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    for (const std::string& each : run.environment) environment.push_back(each.c_str());
    environment.push_back(nullptr);
  }

  const char* path;
  const std::vector<int>& inherited;
  std::vector<char*> arguments;
  std::vector<const char*> environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"};
};

// The copy's part. What fails is said where the program would say it.
[[noreturn]] void Become(const Execution& execution, pid_t parent, int output) {
  (void)setsid();
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  (void)sigaction(SIGPIPE, &action, nullptr);
  (void)sigaction(SIGCHLD, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  (void)sigprocmask(SIG_SETMASK, &none, nullptr);
  // With 1, and not with 0, the kernel does not hand a core to a program either (fs/coredump.c, do_coredump).
  const rlimit no_core = {.rlim_cur = 1, .rlim_max = 1};
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  bool good = setrlimit(RLIMIT_CORE, &no_core) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && null >= 0 &&
              dup2(null, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 && dup2(output, STDERR_FILENO) >= 0;
  for (const int fd : execution.inherited) good = good && fcntl(fd, F_SETFD, 0) == 0;
  // The parent may have died before it was asked to take this process along.
  if (getppid() != parent) _exit(1);
  if (good) (void)execve(execution.path, execution.arguments.data(), const_cast<char**>(execution.environment.data()));
  (void)dprintf(output, "cannot be run: %s\n", strerror(errno));
  _exit(127);
}

// Takes what there is, of a program that never stops a part; false at the end.
bool TakeOutput(int fd, std::string& output) {
  std::array<char, kMostOutput> buffer;
  for (unsigned reads = 0; reads < 16; ++reads) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    output.append(buffer.data(), std::min(static_cast<size_t>(got), kMostOutput - output.size()));
  }
  return true;
}

std::string FaultOf(int status) {
  if (WIFSIGNALED(status)) {
    return "was ended by signal " + std::to_string(WTERMSIG(status)) + " (" + strsignal(WTERMSIG(status)) + ")";
  }
  return WEXITSTATUS(status) == 0 ? "" : "ended with status " + std::to_string(WEXITSTATUS(status));
}

// waitpid() whatever interrupts it. A process that ignores SIGCHLD, as its parent may have told it to, is not told how
// its children end, but when.
pid_t Wait(pid_t pid, int& status, int options) {
  while (true) {
    const pid_t ended = waitpid(pid, &status, options);
    if (ended >= 0) return ended;
    if (errno != EINTR) return pid;
  }
}

// Reads until the program has ended or time is up; then kills it.
ProgramEnd Attend(pid_t pid, int output, std::chrono::milliseconds limit) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point deadline = Clock::now() + limit;
  ProgramEnd end;
  int status = 0;
  bool is_open = true;
  while (true) {
    pollfd ready = {.fd = is_open ? output : -1, .events = POLLIN, .revents = 0};
    (void)poll(&ready, 1, static_cast<int>(kPause.count()));
    // Once more when it has ended: what it wrote before is in the pipe.
    const bool has_ended = Wait(pid, status, WNOHANG) == pid;
    if (is_open) is_open = TakeOutput(output, end.output);
    if (has_ended) {
      end.fault = FaultOf(status);
      return end;
    }
    if (Clock::now() >= deadline) break;
  }
  (void)kill(-pid, SIGKILL);  // whatever it has started, too
  (void)Wait(pid, status, 0);
  end.timed_out = true;
  end.fault = "did not end within " + std::to_string(limit.count() / 1000) + " s";
  return end;
}

}  // namespace

Result<InheritedFile> InheritedFile::Create(int fd) {
  UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!copy.valid()) return Error::Os(errno, "fcntl");
  return InheritedFile(std::move(copy));
}

Result<ProgramEnd> RunProgram(const ProgramRun& run) {
  Pipe output = TRY(Pipe::Open(), "%s", run.path.c_str());
  if (fcntl(output.reader.get(), F_SETFL, O_NONBLOCK) != 0) return Error::Os(errno, "fcntl");
  const Execution execution(run);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return Error::Os(errno, "%s: fork", run.path.c_str());
  if (pid == 0) Become(execution, parent, output.writer.get());
  output.writer.Reset();
  return Attend(pid, output.reader.get(), run.limit);
}

}  // namespace crashdump
