// SPDX-License-Identifier: GPL-2.0-or-later
// OutputFile: a file that gets its name only when it is complete. Whatever ends the program before, a signal included,
// leaves nothing behind.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace crashdump {

enum class Overwrite : uint8_t { kNo, kYes };

class OutputFile {
 public:
  // A new nameless file with mode 0600 in the directory of `path`. Refuses a name that is taken (kRefused), with
  // Overwrite::kYes only one that is not a regular file or is `input`, which it is made from. Errors do not name the
  // path.
  static Result<OutputFile> Create(const std::string& path, Overwrite overwrite, const char* input);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  int fd() const { return file_.get(); }

  // Brings the file to stable storage and gives it its name. Nothing may be written after it.
  Result<> Commit();

 private:
  OutputFile(UniqueFd directory, std::string name, Overwrite overwrite)
      : directory_(std::move(directory)), name_(std::move(name)), overwrite_(overwrite) {}
  Result<> OpenTemporary();
  Result<> Link();

  UniqueFd directory_;
  UniqueFd file_;
  std::string name_;
  std::string temporary_;  // "" as long as the file is nameless
  Overwrite overwrite_;
};

}  // namespace crashdump
