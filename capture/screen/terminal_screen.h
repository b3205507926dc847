// SPDX-License-Identifier: GPL-2.0-or-later
// TerminalScreen: white on brown on a virtual terminal of the kernel, which draws the characters, be it in VGA's text
// mode or on a framebuffer.
#pragma once

#include <string>
#include <vector>

#include "capture/screen/qr_code.h"
#include "capture/screen/screen_content.h"
#include "capture/screen/screen_layout.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace crashdump {

class TerminalScreen {
 public:
  // Is not shown.
  TerminalScreen() = default;

  // Of /dev/tty0, for one, which is the terminal that is in front. What is typed there is not shown from here on, and
  // no key means anything to the kernel. Fails if it is no terminal.
  static Result<TerminalScreen> Open(const char* path);

  bool is_open() const { return fd_.valid(); }
  // To read what is typed, without waiting.
  int fd() const { return fd_.get(); }

  // Draws what has changed, or all if the screen has another size than before: drivers may come late. A terminal that
  // takes nothing is left alone until the next time.
  void Show(const ScreenContent& content);

  // Draws all the next time: somebody else may have written there.
  void Invalidate() { shown_.clear(); }

 private:
  explicit TerminalScreen(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
  ScreenSize size_;
  std::vector<std::string> code_lines_;  // what the code was made for
  QrCode code_;
  std::vector<std::string> shown_;
};

// What a TerminalScreen leaves on a terminal, undone: colours, cursor and line ends are as ever. `fd` is open on it.
void ResetTerminal(int fd);

// What a terminal of the kernel is sent to show `rows` where it shows `before`; all of it, and the colours, if
// `before` is not of the same size. Rows are as LayOutScreen() makes them. The cursor ends in the first row: whatever
// else is written there, by the kernel for one, scrolls nothing.
std::string PaintRows(const std::vector<std::string>& before, const std::vector<std::string>& rows);

}  // namespace crashdump
