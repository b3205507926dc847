// SPDX-License-Identifier: GPL-2.0-or-later
// ScreenProcess: draws the screen in a process of its own, so that a display driver that hangs holds up nobody else.
// What is typed at the terminal comes back from it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "capture/init/key.h"
#include "capture/screen/screen_content.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace crashdump {

class ScreenProcess {
 public:
  // Draws nothing.
  ScreenProcess() = default;

  // Starts the process, and waits a few seconds at most until it has opened the terminal at `path` (/dev/tty0, for
  // one). Fails if there is none. Needs PrepareSignals(). It ends when this object is gone, but not in the middle of a
  // drawing.
  static Result<ScreenProcess> Start(const char* path);

  // Ends it at once; the caller reaps it.
  void Kill();

  bool is_running() const { return contents_.valid(); }
  pid_t pid() const { return pid_; }
  const std::string& terminal() const { return terminal_; }

  // Has the process draw this, if it is not what it draws already. Never waits: while the process is busy contents are
  // dropped, so that a later call should have something to draw again.
  void Show(const ScreenContent& content);

  // To poll for POLLIN.
  int keys_fd() const { return answers_.get(); }
  // The next key that has been typed.
  std::optional<Key> ReadKey();

 private:
  ScreenProcess(pid_t pid, std::string terminal, UniqueFd contents, UniqueFd answers)
      : pid_(pid), terminal_(std::move(terminal)), contents_(std::move(contents)), answers_(std::move(answers)) {}

  bool SendRest();

  pid_t pid_ = -1;
  std::string terminal_;
  UniqueFd contents_;
  UniqueFd answers_;
  std::string sent_;       // the lines of the last content
  size_t sent_bytes_ = 0;  // what of them the process has been given
};

}  // namespace crashdump
