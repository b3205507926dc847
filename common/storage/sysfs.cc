// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/sysfs.h"

#include <dirent.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "common/base/io.h"
#include "common/base/parse.h"

namespace crashdump::sysfs {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { (void)closedir(directory); }
};

}  // namespace

std::vector<std::string> Entries(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, CloseDirectory> directory(opendir(path.c_str()));
  if (directory == nullptr) return names;
  while (const dirent* const entry = readdir(directory.get())) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

std::optional<std::string> RealPath(const std::string& path) {
  std::array<char, PATH_MAX> resolved{};
  if (realpath(path.c_str(), resolved.data()) == nullptr) return std::nullopt;
  return std::string(resolved.data());
}

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }
std::string ParentOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

std::string Attribute(const std::string& directory, const char* name) {
  const Result<std::string> text = ReadTextFile((directory + "/" + name).c_str(), kAttributeLimit);
  if (!text.ok()) return {};
  std::string_view view = text.value();
  while (!view.empty() && (view.back() == '\0' || isspace(static_cast<unsigned char>(view.back())) != 0)) {
    view.remove_suffix(1);
  }
  return std::string(TrimSpace(view));
}

}  // namespace crashdump::sysfs
