// SPDX-License-Identifier: GPL-2.0-or-later
// Kernel modules: names to files (modules.dep), and the files into the kernel.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace crashdump {

// How a module's file gets into the kernel. An error with os_error() EEXIST says that it is there already.
class ModuleLoader {
 public:
  virtual ~ModuleLoader() = default;
  virtual Result<> Load(const std::string& path) = 0;
};

// finit_module(2). The file is not compressed: not every kernel decompresses.
class KernelModuleLoader : public ModuleLoader {
 public:
  Result<> Load(const std::string& path) override;
};

// The text of a modules.dep.
class ModuleIndex {
 public:
  explicit ModuleIndex(std::string text) : text_(std::move(text)) {}

  // The files that `name` needs, in the order in which they must be loaded, itself last, relative to the directory of
  // modules.dep. Empty if there is no such module. '-' and '_' in names are the same, as everywhere in the kernel.
  std::vector<std::string_view> FilesOf(std::string_view name) const;

 private:
  std::string text_;
};

// The names in a list of one per line; blank lines and those that begin with '#' are skipped.
std::vector<std::string> ParseModuleList(std::string_view text);

// Loads the modules in the order given, each behind what it depends on. What is not in the index is taken for built in
// and what fails to load is not fatal (the capture program finds out whether its disk is there): for either a note is
// returned.
std::vector<std::string> LoadModules(const std::vector<std::string>& names, const ModuleIndex& index,
                                     const std::string& directory, ModuleLoader& loader);

// /lib/modules/<version of the running kernel>.
std::string ModuleDirectory();

}  // namespace crashdump
