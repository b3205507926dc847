// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/options/module_index.h"

#include <fnmatch.h>

#include <algorithm>

#include "common/base/parse.h"

namespace crashdump {
namespace {

std::string_view TakeUpTo(std::string_view& text, char end) {
  const std::string_view piece = text.substr(0, text.find(end));
  text.remove_prefix(std::min(piece.size() + 1, text.size()));
  return piece;
}

// Whether `path` ("kernel/drivers/block/virtio_blk.ko") is the file of module `name` ("virtio-blk").
bool IsFileOf(std::string_view path, std::string_view name) {
  path.remove_prefix(path.rfind('/') + 1);  // npos + 1 is 0
  constexpr std::string_view kSuffix = ".ko";
  if (path.size() != name.size() + kSuffix.size() || !path.ends_with(kSuffix)) return false;
  return std::equal(name.begin(), name.end(), path.begin(),
                    [](char a, char b) { return (a == '-' ? '_' : a) == (b == '-' ? '_' : b); });
}

}  // namespace

std::vector<std::string_view> ModuleIndex::FilesOf(std::string_view name) const {
  std::string_view rest = dependencies_;
  while (!rest.empty()) {
    std::string_view line = TakeUpTo(rest, '\n');
    const std::string_view file = TakeUpTo(line, ':');
    if (!IsFileOf(file, name)) continue;
    // modules.dep(5): dependencies stand behind what needs them, all of them on each line.
    std::vector<std::string_view> files = {file};
    while (!line.empty()) {
      const std::string_view dependency = TakeUpTo(line, ' ');
      if (!dependency.empty()) files.push_back(dependency);
    }
    std::reverse(files.begin(), files.end());
    return files;
  }
  return {};
}

// A line is "alias PATTERN MODULE"; the pattern is one of a shell.
std::vector<std::string_view> ModuleIndex::FilesForAlias(const std::string& alias) const {
  std::vector<std::string_view> files;
  std::string_view rest = aliases_;
  while (!rest.empty()) {
    std::string_view line = TakeUpTo(rest, '\n');
    if (TakeUpTo(line, ' ') != "alias") continue;
    const std::string pattern(TakeUpTo(line, ' '));
    if (fnmatch(pattern.c_str(), alias.c_str(), 0) != 0) continue;
    const std::vector<std::string_view> of_module = FilesOf(line);
    files.insert(files.end(), of_module.begin(), of_module.end());
  }
  return files;
}

std::vector<std::string> ParseModuleList(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    const std::string_view line = TrimSpace(TakeUpTo(text, '\n'));
    if (!line.empty() && line.front() != '#') names.emplace_back(line);
  }
  return names;
}

}  // namespace crashdump
