// SPDX-License-Identifier: GPL-2.0-or-later
// Running another program to its end, for a bounded time: no shell, no environment of ours, nothing of ours open in it.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace crashdump {

// A descriptor that the program inherits under the same number, which is above those of standard input and output.
class InheritedFile {
 public:
  static Result<InheritedFile> Create(int fd);
  // The open file under a name that the program can open anew.
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_.get()); }
  int fd() const { return fd_.get(); }

 private:
  explicit InheritedFile(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

struct ProgramRun {
  std::string path;
  std::vector<std::string> arguments;         // behind its name
  std::vector<std::string> environment = {};  // NAME=value, besides PATH and LC_ALL
  std::vector<int> inherited;                 // of InheritedFile
  std::chrono::milliseconds limit{};          // then it is killed
};

struct ProgramEnd {
  // "" if it says that all went well; "ended with status 1", "was ended by signal 11 (...)", "did not end within 25 s".
  std::string fault;
  bool timed_out = false;
  std::string output;  // standard output and error, the first 16 KiB
};

// Runs it, and returns when it has ended: after a kill, too, nothing that it was about to do happens any more. It is
// killed when this process dies, and leaves no core file. A program that cannot be run says so in its output.
Result<ProgramEnd> RunProgram(const ProgramRun& run);

}  // namespace crashdump
