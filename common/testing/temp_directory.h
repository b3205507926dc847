// SPDX-License-Identifier: GPL-2.0-or-later
// TempDirectory: a directory of one test, removed with everything in it at the end.
#pragma once

#include <string>
#include <string_view>

#include "common/base/bytes.h"

namespace crashdump {

// Aborts when the filesystem does not do as asked: a test cannot go on then.
class TempDirectory {
 public:
  // Below $TMPDIR, or /tmp.
  TempDirectory();
  // In memory where the system has a place for that: for many small files that no disk needs to see.
  static TempDirectory InMemory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }
  // The path of a name inside.
  std::string Path(std::string_view name) const;

  // Parents are made as needed. Return the path.
  std::string MakeDirectory(std::string_view name) const;
  std::string WriteFile(std::string_view name, std::string_view text) const;
  std::string WriteFile(std::string_view name, Bytes data) const;
  std::string MakeSymlink(std::string_view name, std::string_view target) const;
  // A file of zeros without blocks.
  std::string MakeSparseFile(std::string_view name, uint64_t size) const;

 private:
  explicit TempDirectory(const std::string& parent);

  std::string path_;
};

}  // namespace crashdump
