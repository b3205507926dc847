// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/console.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <string>

#include "capture/screen/terminal_screen.h"
#include "common/base/io.h"
#include "common/base/parse.h"

namespace crashdump {

namespace {

// drivers/tty/vt/vt.c: tty0 is the one in front.
bool IsTerminal(std::string_view name) {
  return name.size() > 3 && name.starts_with("tty") && name[3] >= '0' && name[3] <= '9';
}

// False if that is no terminal. Its output and its speed stay as they are.
bool TakeKeys(int fd) {
  struct termios settings {};
  if (tcgetattr(fd, &settings) != 0) return false;
  settings.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG | IEXTEN);
  // Ctrl-S would stop what is shown.
  settings.c_iflag &= ~static_cast<tcflag_t>(IXON | IXOFF | ICRNL | INLCR | IGNCR);
  settings.c_cc[VMIN] = 1;
  settings.c_cc[VTIME] = 0;
  return tcsetattr(fd, TCSANOW, &settings) == 0;
}

}  // namespace

Result<> Console::OpenActive(const char* list_path, const char* device_directory) {
  const std::string list = TRY(ReadTextFile(list_path, 4096), "%s", list_path);
  std::string_view rest = TrimSpace(list);
  while (!rest.empty() && device_count_ < devices_.size()) {
    const std::string_view name = rest.substr(0, rest.find(' '));
    rest.remove_prefix(name.size());
    rest = TrimSpace(rest);
    Device device;
    device.path = std::string(device_directory) + "/" + std::string(name);
    device.is_terminal = IsTerminal(name);
    device.Open();
    if (device.fd.valid()) devices_[device_count_++] = std::move(device);
  }
  if (device_count_ == 0) {
    return Error::Format(ErrorCode::kNotFound, "%s: none of the consoles named there can be opened", list_path);
  }
  return {};
}

void Console::Device::Open() {
  // Not blocking also means not waiting for a carrier on a serial line.
  Result<UniqueFd> opened = OpenFile(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (!opened.ok()) opened = OpenFile(path.c_str(), O_WRONLY | O_NOCTTY | O_NONBLOCK);
  if (!opened.ok()) return;
  fd = opened.TakeValue();
  has_keys = TakeKeys(fd.get());
}

void Console::LeaveTerminals() {
  for (Device& device : devices_) {
    if (device.is_terminal) device.fd.Reset();
  }
}

void Console::ReturnToTerminals() {
  for (Device& device : devices_) {
    if (!device.is_terminal || device.fd.valid()) continue;
    device.Open();
    if (device.fd.valid()) ResetTerminal(device.fd.get());
  }
}

void Console::Reopen(const std::string& path) {
  for (Device& device : devices_) {
    if (device.path == path && device.fd.valid()) device.Open();
  }
}

void Console::Line(const char* format, ...) {
  std::array<char, 1200> text{};
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text.data(), text.size(), format, arguments);  // cut off is fine
  va_end(arguments);
  const std::string line = std::string("crashdump: ") + text.data();
  for (size_t i = 0; i < device_count_; ++i) {
    if (devices_[i].fd.valid()) WriteLine(devices_[i].fd.get(), line, devices_[i].output);
  }
  if (device_count_ == 0) WriteLine(STDERR_FILENO, line, standard_error_);
}

Console::KeyFds Console::key_fds() const {
  KeyFds fds{};
  for (size_t i = 0; i < fds.size(); ++i) {
    const Device& device = devices_[i];
    fds[i] = device.has_keys ? device.fd.get() : -1;
  }
  return fds;
}

std::optional<Key> Console::ReadKey() {
  for (size_t i = 0; i < device_count_; ++i) {
    Device& device = devices_[next_key_device_++ % device_count_];
    if (!device.fd.valid() || !device.has_keys) continue;
    char value = 0;
    const ssize_t got = read(device.fd.get(), &value, 1);
    if (got == 1) return Key{.value = value, .terminal = device.path};
    // A line that has hung up would be ready for ever.
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) device.has_keys = false;
  }
  return std::nullopt;
}

}  // namespace crashdump
