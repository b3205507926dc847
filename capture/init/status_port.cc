// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/status_port.h"

#include <dirent.h>
#include <fcntl.h>
#include <termios.h>

#include <cstdarg>
#include <cstdio>

#include "common/base/io.h"
#include "common/base/parse.h"

namespace crashdump {
namespace {

// The name of the device file of the port, or an empty one.
std::string FindDevice(const char* class_directory, const std::string& name) {
  DIR* const directory = opendir(class_directory);
  if (directory == nullptr) return {};
  std::string found;
  while (const dirent* entry = readdir(directory)) {  // NOLINT(concurrency-mt-unsafe): one thread
    if (entry->d_name[0] == '.') continue;
    const std::string path = std::string(class_directory) + "/" + entry->d_name + "/name";
    const Result<std::string> text = ReadTextFile(path.c_str(), 256);
    if (text.ok() && TrimSpace(text.value()) == name) found = entry->d_name;
  }
  (void)closedir(directory);
  return found;
}

}  // namespace

Result<> StatusPort::Open(const char* class_directory, const char* device_directory, const std::string& name) {
  const std::string device = FindDevice(class_directory, name);
  const std::string path = std::string(device_directory) + "/" + (device.empty() ? name : device);
  UniqueFd fd = TRY(OpenFile(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK), "%s", path.c_str());
  // A serial line would echo the host's `go` and wait for its carrier.
  termios settings{};
  if (tcgetattr(fd.get(), &settings) == 0) {
    cfmakeraw(&settings);
    settings.c_cflag |= CLOCAL;
    (void)tcsetattr(fd.get(), TCSANOW, &settings);
  }
  fd_ = std::move(fd);
  return {};
}

void StatusPort::Line(const char* format, ...) {
  if (!is_open()) return;
  std::array<char, 1200> text{};
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text.data(), text.size(), format, arguments);  // cut off is fine
  va_end(arguments);
  WriteLine(fd_.get(), text.data(), output_);
}

bool StatusPort::ReadGo() {
  bool go = false;
  std::array<char, 256> buffer;
  while (is_open()) {
    const ssize_t got = read(fd_.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    input_.Feed({buffer.data(), static_cast<size_t>(got)}, [&](std::string_view line) {
      if (TrimSpace(line) == "go") go = true;
    });
  }
  return go;
}

void StatusPort::DiscardInput() {
  (void)ReadGo();
  input_.Clear();
}

}  // namespace crashdump
