// SPDX-License-Identifier: GPL-2.0-or-later
// Error: why an operation failed, in one line that callers extend outward.
// It never allocates, so that it can be made and carried when memory is gone.
#pragma once

#include <array>
#include <cstdarg>
#include <cstdint>
#include <string_view>

namespace crashdump {

// What kind of failure it is, for the few callers that act on it. Everything else is in the text.
enum class ErrorCode : uint8_t {
  kOs,               // a system call failed; os_error() says how
  kInvalidArgument,  // the caller or the user asked for something impossible
  kNotFound,         // a thing that was asked for by name is not there
  kTruncated,        // data ends before it should
  kCorrupt,          // data contradicts itself or does not authenticate
  kUnsupported,      // valid, but not by this version
  kNoSpace,          // the target or a fixed buffer is full
  kRefused,          // a safety rule forbids it
  kTimeout,          // a deadline passed
};

// An error's text reads from the outside in: "vmcore /tmp/x: note at 0x1c0: needs 100 bytes, has 36".
class Error {
 public:
  static constexpr uint32_t kTextBytes = 320;

  // A failure that this program found itself.
  static Error Format(ErrorCode code, const char* format, ...) __attribute__((format(printf, 2, 3)));

  // A failed system call: the text of `os_error` (an errno value) is put behind the formatted text.
  static Error Os(int os_error, const char* format, ...) __attribute__((format(printf, 2, 3)));

  // An error that another process has met, with its text.
  static Error Received(ErrorCode code, int os_error, std::string_view text);

  // The same error with "<formatted text>: " in front. What does not fit is cut off at the end.
  Error Prefixed(const char* format, ...) const __attribute__((format(printf, 2, 3)));

  ErrorCode code() const { return code_; }
  // The errno value of a kOs error, else 0.
  int os_error() const { return os_error_; }
  // NUL-terminated; valid as long as this object.
  const char* text() const { return text_.data(); }

 private:
  Error(ErrorCode code, int os_error) : code_(code), os_error_(os_error) {}

  ErrorCode code_;
  int os_error_;
  std::array<char, kTextBytes> text_{};
};

}  // namespace crashdump
