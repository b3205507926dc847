// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/kernel_modules.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "capture/init/status_line.h"
#include "common/base/io.h"

namespace crashdump {
namespace {

bool IsAlias(std::string_view word) { return word.find(':') != std::string_view::npos; }

}  // namespace

Result<> KernelModuleLoader::Load(const std::string& path) {
  const UniqueFd fd = TRY(OpenFile(path.c_str(), O_RDONLY));
  if (syscall(SYS_finit_module, fd.get(), "", 0) != 0) return Error::Os(errno, "finit_module");
  return {};
}

std::vector<std::string> LoadModules(const std::vector<std::string>& lines, const ModuleIndex& index,
                                     const std::string& directory, ModuleLoader& loader) {
  std::vector<std::string> notes;
  std::vector<std::string_view> tried;
  for (const std::string& line : lines) {
    const std::string first = line.substr(0, line.find(' '));
    std::vector<std::string_view> files;
    for (std::string_view words = line; files.empty() && !words.empty();) {
      const std::string_view word = TakeFirstWord(words);
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
