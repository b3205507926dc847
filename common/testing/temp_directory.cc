// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/temp_directory.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "common/base/io.h"

namespace crashdump {
namespace {

int RemoveEntry(const char* path, const struct stat*, int, FTW*) { return remove(path); }

void MakeParents(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    (void)mkdir(path.substr(0, slash).c_str(), 0700);
  }
}

std::string DefaultParent() {
  const char* const parent = getenv("TMPDIR");
  return parent != nullptr ? parent : "/tmp";
}

}  // namespace

TempDirectory::TempDirectory() : TempDirectory(DefaultParent()) {}

TempDirectory::TempDirectory(const std::string& parent) : path_(parent + "/crashdump-test-XXXXXX") {
  Require(mkdtemp(path_.data()) != nullptr);
}

TempDirectory TempDirectory::InMemory() {
  constexpr const char* kSharedMemory = "/dev/shm";
  return TempDirectory(access(kSharedMemory, W_OK) == 0 ? kSharedMemory : DefaultParent());
}

TempDirectory::~TempDirectory() { (void)nftw(path_.c_str(), RemoveEntry, 16, FTW_DEPTH | FTW_PHYS); }

std::string TempDirectory::Path(std::string_view name) const { return path_ + "/" + std::string(name); }

std::string TempDirectory::MakeDirectory(std::string_view name) const {
  std::string path = Path(name);
  MakeParents(path + "/");
  Require(access(path.c_str(), F_OK) == 0);
  return path;
}

std::string TempDirectory::WriteFile(std::string_view name, std::string_view text) const {
  return WriteFile(name, BytesOf(text));
}

std::string TempDirectory::WriteFile(std::string_view name, Bytes data) const {
  std::string path = Path(name);
  MakeParents(path);
  const Result<UniqueFd> fd = OpenFile(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC);
  Require(fd.ok() && WriteFull(fd.value().get(), data).ok());
  return path;
}

std::string TempDirectory::MakeSymlink(std::string_view name, std::string_view target) const {
  std::string path = Path(name);
  MakeParents(path);
  Require(symlink(std::string(target).c_str(), path.c_str()) == 0);
  return path;
}

std::string TempDirectory::MakeSparseFile(std::string_view name, uint64_t size) const {
  std::string path = WriteFile(name, std::string_view());
  Require(truncate(path.c_str(), static_cast<off_t>(size)) == 0);
  return path;
}

}  // namespace crashdump
