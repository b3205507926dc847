// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/output_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>

#include "common/base/io.h"

namespace crashdump {
namespace {

constexpr std::array<int, 4> kEndingSignals = {SIGHUP, SIGINT, SIGTERM, SIGPIPE};

// What a signal handler removes: only on filesystems without nameless files does a temporary name exist for longer.
struct TemporaryName {
  int directory_fd;
  char name[256];
};
TemporaryName temporary_name;
std::atomic<bool> temporary_exists = false;

extern "C" void RemoveTemporary(int signal_number) {
  if (temporary_exists.load()) (void)unlinkat(temporary_name.directory_fd, temporary_name.name, 0);
  // The handler was reset when it was entered: the signal now does what it does.
  (void)raise(signal_number);
}

void InstallHandlers() {
  struct sigaction action {};
  action.sa_handler = RemoveTemporary;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal_number : kEndingSignals) {
    struct sigaction old {};
    // nohup(1) and shells' background jobs ignore some of them.
    if (sigaction(signal_number, nullptr, &old) == 0 && old.sa_handler == SIG_DFL) {
      (void)sigaction(signal_number, &action, nullptr);
    }
  }
}

void Register(int directory_fd, const std::string& name) {
  temporary_exists = false;
  temporary_name.directory_fd = directory_fd;
  (void)snprintf(temporary_name.name, sizeof(temporary_name.name), "%s", name.c_str());
  temporary_exists = true;
  InstallHandlers();
}

}  // namespace

Result<OutputFile> OutputFile::Create(const std::string& path, Overwrite overwrite, const char* input) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.empty() || name == "." || name == "..") return Error::Os(EISDIR, "create");
  OutputFile file(TRY(OpenFile(directory.c_str(), O_RDONLY | O_DIRECTORY), "directory"), name, overwrite);
  struct stat status {};
  if (fstatat(file.directory_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    if (overwrite == Overwrite::kNo) return Error::Format(ErrorCode::kRefused, "exists already (--force replaces it)");
    if (!S_ISREG(status.st_mode)) return Error::Format(ErrorCode::kRefused, "exists and is not a regular file");
    struct stat read {};
    if (stat(input, &read) == 0 && read.st_dev == status.st_dev && read.st_ino == status.st_ino) {
      return Error::Format(ErrorCode::kRefused, "is what it would be made from: give another name");
    }
  }
  TRY(file.OpenTemporary());
  return file;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : directory_(std::move(other.directory_)),
      file_(std::move(other.file_)),
      name_(std::move(other.name_)),
      temporary_(std::exchange(other.temporary_, std::string())),
      overwrite_(other.overwrite_) {}

OutputFile::~OutputFile() {
  if (temporary_.empty()) return;
  (void)unlinkat(directory_.get(), temporary_.c_str(), 0);
  temporary_exists = false;
}

Result<> OutputFile::OpenTemporary() {
  Result<UniqueFd> nameless = OpenFileAt(directory_.get(), ".", O_RDWR | O_TMPFILE, 0600);
  if (nameless.ok()) {
    file_ = nameless.TakeValue();
    return {};
  }
  // EISDIR comes from kernels, and ENOENT from overlays, that do not know O_TMPFILE.
  const int error = nameless.error().os_error();
  if (error != EOPNOTSUPP && error != EISDIR && error != ENOENT && error != EINVAL) return nameless.error();
  const std::string name = "." + name_.substr(0, 200) + "." + std::to_string(getpid()) + ".new";
  file_ = TRY(OpenFileAt(directory_.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  temporary_ = name;
  Register(directory_.get(), temporary_);
  return {};
}

Result<> OutputFile::Link() {
  std::array<char, 64> path;
  (void)snprintf(path.data(), path.size(), "/proc/self/fd/%d", file_.get());
  // A name that came into being meanwhile is not replaced: linkat(2) never does, and rename only if that is wanted.
  if (overwrite_ == Overwrite::kNo) {
    const bool named = temporary_.empty()
                           ? linkat(AT_FDCWD, path.data(), directory_.get(), name_.c_str(), AT_SYMLINK_FOLLOW) == 0
                           : linkat(directory_.get(), temporary_.c_str(), directory_.get(), name_.c_str(), 0) == 0;
    if (!named) return Error::Os(errno, "naming the finished file");
    return {};
  }
  if (temporary_.empty()) {
    const std::string name = "." + name_.substr(0, 200) + "." + std::to_string(getpid()) + ".new";
    if (linkat(AT_FDCWD, path.data(), directory_.get(), name.c_str(), AT_SYMLINK_FOLLOW) != 0) {
      return Error::Os(errno, "naming the finished file");
    }
    temporary_ = name;
  }
  if (renameat(directory_.get(), temporary_.c_str(), directory_.get(), name_.c_str()) != 0) {
    return Error::Os(errno, "naming the finished file");
  }
  temporary_.clear();
  temporary_exists = false;
  return {};
}

Result<> OutputFile::Commit() {
  TRY(Fsync(file_.get()));
  // Between two names a signal must not come.
  sigset_t ending;
  sigset_t old;
  sigemptyset(&ending);
  for (const int signal_number : kEndingSignals) sigaddset(&ending, signal_number);
  (void)sigprocmask(SIG_BLOCK, &ending, &old);
  Result<> linked = Link();
  if (linked.ok()) linked = Fsync(directory_.get());
  if (!temporary_.empty()) {
    (void)unlinkat(directory_.get(), temporary_.c_str(), 0);
    temporary_.clear();
    temporary_exists = false;
  }
  (void)sigprocmask(SIG_SETMASK, &old, nullptr);
  return linked;
}

}  // namespace crashdump
