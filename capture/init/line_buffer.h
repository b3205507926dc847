// SPDX-License-Identifier: GPL-2.0-or-later
// LineBuffer: cuts a stream of bytes into lines, in fixed memory.
#pragma once

#include <array>
#include <string_view>

namespace crashdump {

class LineBuffer {
 public:
  static constexpr size_t kMostBytes = 1024;  // what a line has beyond this is dropped

  // Calls `on_line(std::string_view)` for each line that is completed by `bytes`, without its newline. The view is
  // valid during that call.
  template <typename Function>
  void Feed(std::string_view bytes, Function on_line) {
    for (const char c : bytes) {
      if (c == '\n') {
        on_line(std::string_view(line_.data(), used_));
        used_ = 0;
      } else if (used_ < line_.size()) {
        line_[used_++] = c;
      }
    }
  }

  // The same for what was not ended by a newline when the stream ended.
  template <typename Function>
  void Finish(Function on_line) {
    if (used_ > 0) on_line(std::string_view(line_.data(), used_));
    used_ = 0;
  }

  void Clear() { used_ = 0; }

 private:
  std::array<char, kMostBytes> line_{};
  size_t used_ = 0;
};

}  // namespace crashdump
