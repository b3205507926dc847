// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/screen_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "capture/init/child_process.h"
#include "capture/init/clock.h"
#include "capture/init/line_buffer.h"
#include "capture/screen/terminal_screen.h"
#include "common/base/io.h"
#include "common/base/pipe.h"

namespace crashdump {
namespace {

// A terminal that takes longer to be opened is not worth more waiting.
constexpr uint64_t kOpenMs = 3000;
// All is drawn again after this time, in case somebody else has written there.
constexpr uint64_t kRedrawMs = 5000;
// The first byte that the process sends; keys come behind it.
constexpr char kReady = '+';
constexpr char kFailed = '-';

// In the process: one terminal, contents that come, keys that go.
class Drawing {
 public:
  Drawing(TerminalScreen screen, int contents, int answers)
      : screen_(std::move(screen)), contents_(contents), answers_(answers) {}

  void UntilInitIsGone() {
    bool typed = true;
    while (true) {
      std::array<pollfd, 2> ready = {{{.fd = contents_, .events = POLLIN, .revents = 0},
                                      {.fd = typed ? screen_.fd() : -1, .events = POLLIN, .revents = 0}}};
      const uint64_t now_ms = NowMs();
      const uint64_t redraw_ms = drawn_ms_ + kRedrawMs;
      const int count = poll(ready.data(), ready.size(), redraw_ms > now_ms ? static_cast<int>(redraw_ms - now_ms) : 0);
      if (NowMs() >= redraw_ms) {
        screen_.Invalidate();
        screen_.Show(shown_);
        drawn_ms_ = NowMs();
      }
      if (count <= 0) continue;
      if (ready[0].revents != 0 && !ReadContents()) return;
      if (ready[1].revents != 0) typed = PassKeysOn();
    }
  }

 private:
  // False at the end.
  bool ReadContents() {
    std::array<char, 4096> buffer;
    const ssize_t got = read(contents_, buffer.data(), buffer.size());
    if (got < 0) return errno == EINTR;
    if (got == 0) return false;
    lines_.Feed({buffer.data(), static_cast<size_t>(got)}, [&](std::string_view line) {
      if (!line.empty()) return AddContentLine(line, coming_);
      shown_ = std::move(coming_);
      coming_ = ScreenContent();
      screen_.Show(shown_);
    });
    return true;
  }

  // False if no more can come.
  bool PassKeysOn() {
    std::array<char, 64> keys;
    const ssize_t got = read(screen_.fd(), keys.data(), keys.size());
    if (got > 0) (void)!write(answers_, keys.data(), static_cast<size_t>(got));
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
  }

  TerminalScreen screen_;
  int contents_;
  int answers_;
  LineBuffer lines_;
  ScreenContent coming_;
  ScreenContent shown_;
  uint64_t drawn_ms_ = NowMs();  // all of it
};

bool RunProcess(const char* path, int contents, int answers) {
  CloseAllBut({contents, answers});
  Result<TerminalScreen> screen = TerminalScreen::Open(path);
  const std::string answer = screen.ok() ? std::string(1, kReady) : kFailed + std::string(screen.error().text());
  if (!WriteFull(answers, BytesOf(answer)).ok() || !screen.ok()) return false;
  Drawing(screen.TakeValue(), contents, answers).UntilInitIsGone();
  return true;
}

Result<> AwaitAnswer(int answers) {
  pollfd ready = {.fd = answers, .events = POLLIN, .revents = 0};
  const uint64_t end_ms = NowMs() + kOpenMs;
  for (uint64_t now_ms = NowMs(); now_ms < end_ms; now_ms = NowMs()) {
    if (poll(&ready, 1, static_cast<int>(end_ms - now_ms)) < 1) continue;
    // Keys stay in the pipe: they are read one by one.
    char answer = kFailed;
    const ssize_t got = read(answers, &answer, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got == 1 && answer == kReady) return {};
    std::array<char, 256> reason{};
    (void)!read(answers, reason.data(), reason.size() - 1);
    return Error::Format(ErrorCode::kOs, "%s", reason[0] != 0 ? reason.data() : "the process that draws has ended");
  }
  return Error::Format(ErrorCode::kTimeout, "the terminal was not opened within %d s",
                       static_cast<int>(kOpenMs / 1000));
}

}  // namespace

Result<ScreenProcess> ScreenProcess::Start(const char* path) {
  Pipe contents = TRY(Pipe::Open());
  Pipe answers = TRY(Pipe::Open());
  // Neither side waits for the other.
  for (const int fd : {contents.writer.get(), answers.reader.get(), answers.writer.get()}) {
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) return Error::Os(errno, "fcntl");
  }
  const ChildProcess child =
      TRY(ChildProcess::Call([&] { return RunProcess(path, contents.reader.get(), answers.writer.get()); }));
  answers.writer.Reset();
  const Result<> opened = AwaitAnswer(answers.reader.get());
  if (!opened.ok()) {
    child.Kill();
    return opened.error();
  }
  return ScreenProcess(child.pid(), path, std::move(contents.writer), std::move(answers.reader));
}

void ScreenProcess::Kill() {
  if (pid_ > 0) (void)kill(pid_, SIGKILL);
  contents_.Reset();
  answers_.Reset();
}

bool ScreenProcess::SendRest() {
  while (sent_bytes_ < sent_.size()) {
    const ssize_t put = write(contents_.get(), sent_.data() + sent_bytes_, sent_.size() - sent_bytes_);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EPIPE) contents_.Reset();  // it has ended
    if (put <= 0) return false;
    sent_bytes_ += static_cast<size_t>(put);
  }
  return true;
}

void ScreenProcess::Show(const ScreenContent& content) {
  if (!is_running() || !SendRest()) return;
  std::string lines = ContentLines(content) + "\n";
  if (lines == sent_) return;
  sent_ = std::move(lines);
  sent_bytes_ = 0;
  (void)SendRest();
}

std::optional<Key> ScreenProcess::ReadKey() {
  if (!answers_.valid()) return std::nullopt;
  char value = 0;
  const ssize_t got = read(answers_.get(), &value, 1);
  if (got == 0) answers_.Reset();  // it has ended
  if (got != 1) return std::nullopt;
  return Key{.value = value, .terminal = terminal_};
}

}  // namespace crashdump
