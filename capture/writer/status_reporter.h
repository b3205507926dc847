// SPDX-License-Identifier: GPL-2.0-or-later
// StatusReporter: the capture program's lines to init, and init's answer. capture/README.md describes both.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "capture/writer/capture_pipeline.h"

namespace crashdump {

class StatusReporter {
 public:
  // Borrows the descriptors: `fd` is a pipe to init, or anything that can be written; init answers on `answers`.
  explicit StatusReporter(int fd, int answers = STDIN_FILENO) : fd_(fd), answers_(answers) {}

  void Stage(std::string_view name) const { Line("stage ", name); }
  void Target(std::string_view text) const { Line("target ", text); }
  void Note(std::string_view text) const { Line("note ", text); }
  void Failed(std::string_view text) const { Line("failed ", text); }
  // `kind` is "complete", "incomplete" or "messages-only".
  void Result(std::string_view kind, std::string_view text) const;
  void MessagesSafe() const { Line("messages-safe", ""); }
  void Progress(const CaptureProgress& progress) const;
  // One fact about the crash: capture/README.md has the names. Empty ones are not sent.
  void Crash(std::string_view name, std::string_view text) const;
  // The last `lines` lines of the panic messages, for the screen: they get nowhere else.
  void Messages(std::string_view text, size_t lines) const;

  // Asks whether the target may be written; `proof` says why it is thought to be the right one.
  void Confirm(std::string_view proof) const { Line("confirm ", proof); }

  // Waits until init answers `go`, or for this long, or until init is gone.
  void AwaitGo(uint64_t seconds) const;
  // Waits for init's answer to Confirm(): whether it is `yes`. No answer within this time is none.
  bool AwaitYes(uint64_t seconds) const;

 private:
  // What init says; empty if that is nothing in this time, or init is gone.
  std::string AwaitAnswer(uint64_t seconds) const;
  // One write per line, escaped and cut to what init accepts. Whether init listens changes nothing about the capture.
  void Line(std::string_view word, std::string_view text) const;

  int fd_;
  int answers_;
};

}  // namespace crashdump
