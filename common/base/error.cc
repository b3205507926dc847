// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/base/error.h"

#include <cstdio>
#include <cstring>

namespace crashdump {

Error Error::Format(ErrorCode code, const char* format, ...) {
  Error error(code, 0);
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(error.text_.data(), error.text_.size(), format, arguments);  // cut off is fine
  va_end(arguments);
  return error;
}

Error Error::Os(int os_error, const char* format, ...) {
  Error error(ErrorCode::kOs, os_error);
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(error.text_.data(), error.text_.size(), format, arguments);
  va_end(arguments);
  const size_t used = strlen(error.text_.data());
  (void)snprintf(error.text_.data() + used, error.text_.size() - used, ": %s", strerror(os_error));
  return error;
}

Error Error::Received(ErrorCode code, int os_error, std::string_view text) {
  Error error(code, os_error);
  (void)text.copy(error.text_.data(), error.text_.size() - 1);  // cut off is fine
  return error;
}

Error Error::Prefixed(const char* format, ...) const {
  Error error(code_, os_error_);
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(error.text_.data(), error.text_.size(), format, arguments);
  va_end(arguments);
  const size_t used = strlen(error.text_.data());
  (void)snprintf(error.text_.data() + used, error.text_.size() - used, ": %s", text_.data());
  return error;
}

}  // namespace crashdump
