// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/kernel_modules.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/io.h"
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

bool IsAlias(std::string_view word) { return word.find(':') != std::string_view::npos; }

}  // namespace

Result<> KernelModuleLoader::Load(const std::string& path) {
  const UniqueFd fd = TRY(OpenFile(path.c_str(), O_RDONLY));
  if (syscall(SYS_finit_module, fd.get(), "", 0) != 0) return Error::Os(errno, "finit_module");
  return {};
}

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

std::vector<std::string> LoadModules(const std::vector<std::string>& lines, const ModuleIndex& index,
                                     const std::string& directory, ModuleLoader& loader) {
  std::vector<std::string> notes;
  std::vector<std::string_view> tried;
  for (const std::string& line : lines) {
    const std::string first = line.substr(0, line.find(' '));
    std::vector<std::string_view> files;
    for (std::string_view words = line; files.empty() && !words.empty();) {
      const std::string_view word = TakeUpTo(words, ' ');
      files = IsAlias(word) ? index.FilesForAlias(std::string(word)) : index.FilesOf(word);
    }
    if (files.empty() && !IsAlias(first)) {
      notes.push_back("module " + first + ": not in this image, taken for built in");
    }
    for (const std::string_view file : files) {
      if (std::find(tried.begin(), tried.end(), file) != tried.end()) continue;
      tried.push_back(file);
      const Result<> loaded = loader.Load(directory + "/" + std::string(file));
      if (!loaded.ok() && loaded.error().os_error() != EEXIST) {
        notes.push_back("module " + std::string(file) + ": " + loaded.error().text());
      }
    }
  }
  return notes;
}

std::string ModuleDirectory() {
  utsname system{};
  (void)uname(&system);
  return std::string("/lib/modules/") + system.release;
}

}  // namespace crashdump
