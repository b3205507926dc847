// SPDX-License-Identifier: GPL-2.0-or-later
// StateDirectory: a flat directory of small root-only files that survive a crash whole or not at all: key records,
// stamps, marks. Behind an interface so that tests can cut the power between any two steps.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/io.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace crashdump {

class StateDirectory {
 public:
  virtual ~StateDirectory() = default;

  // The file's text, or nothing if there is no such file.
  virtual Result<std::optional<std::string>> Read(const std::string& name) const = 0;
  // Puts the text under the name, atomically, mode 0600; returns once file and directory are on stable storage.
  virtual Result<> Replace(const std::string& name, std::string_view text) = 0;
  // Removes the file; returns once that is on stable storage. A file that is not there is fine.
  virtual Result<> Remove(const std::string& name) = 0;
  // The names in byte order, without what an interrupted Replace left behind.
  virtual Result<std::vector<std::string>> List() const = 0;
};

class DiskStateDirectory final : public StateDirectory {
 public:
  // Opens `path`, which must be a directory of root's (of the caller's) that nobody else can enter; makes it (0700,
  // its parent must exist) if absent.
  // `cache` is for its files: kBypass for secrets, which are overwritten, too, when they are replaced or removed.
  static Result<DiskStateDirectory> Open(const char* path, FileCache cache = FileCache::kUse);

  Result<std::optional<std::string>> Read(const std::string& name) const override;
  Result<> Replace(const std::string& name, std::string_view text) override;
  Result<> Remove(const std::string& name) override;
  Result<std::vector<std::string>> List() const override;
  int fd() const { return directory_.get(); }

 private:
  DiskStateDirectory(UniqueFd directory, FileCache cache) : directory_(std::move(directory)), cache_(cache) {}

  UniqueFd OpenToErase(const std::string& name) const;

  UniqueFd directory_;
  FileCache cache_;
};

}  // namespace crashdump
