// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/console.h"

#include <fcntl.h>

#include <cstdarg>
#include <cstdio>
#include <string>

#include "common/base/io.h"
#include "common/base/parse.h"

namespace crashdump {

Result<> Console::OpenActive(const char* list_path, const char* device_directory) {
  const std::string list = TRY(ReadTextFile(list_path, 4096), "%s", list_path);
  std::string_view rest = TrimSpace(list);
  while (!rest.empty() && device_count_ < devices_.size()) {
    const std::string_view name = rest.substr(0, rest.find(' '));
    rest.remove_prefix(name.size());
    rest = TrimSpace(rest);
    const std::string path = std::string(device_directory) + "/" + std::string(name);
    // Not blocking also means not waiting for a carrier on a serial line.
    Result<UniqueFd> fd = OpenFile(path.c_str(), O_WRONLY | O_NOCTTY | O_NONBLOCK);
    if (fd.ok()) devices_[device_count_++].fd = fd.TakeValue();
  }
  if (device_count_ == 0) {
    return Error::Format(ErrorCode::kNotFound, "%s: none of the consoles named there can be opened", list_path);
  }
  return {};
}

void Console::Line(const char* format, ...) {
  std::array<char, 1200> text{};
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text.data(), text.size(), format, arguments);  // cut off is fine
  va_end(arguments);
  const std::string line = std::string("crashdump: ") + text.data();
  for (size_t i = 0; i < device_count_; ++i) WriteLine(devices_[i].fd.get(), line, devices_[i].output);
  if (device_count_ == 0) WriteLine(STDERR_FILENO, line, standard_error_);
}

}  // namespace crashdump
