// SPDX-License-Identifier: GPL-2.0-or-later
// ModuleIndex: which files of kernel modules a driver needs, by the lists that depmod makes: for init, which loads
// them, and for `load`, which looks whether an image has them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace crashdump {

// The texts of a modules.dep and a modules.alias (depmod(8)). A modules.builtin is a modules.dep without dependencies.
class ModuleIndex {
 public:
  ModuleIndex(std::string dependencies, std::string aliases)
      : dependencies_(std::move(dependencies)), aliases_(std::move(aliases)) {}

  // The files that `name` needs, in the order in which they must be loaded, itself last, relative to the directory of
  // modules.dep. Empty if there is no such module. '-' and '_' in names are the same, as everywhere in the kernel.
  std::vector<std::string_view> FilesOf(std::string_view name) const;
  // The same for all modules that say that they drive what has this alias.
  std::vector<std::string_view> FilesForAlias(const std::string& alias) const;

 private:
  std::string dependencies_;
  std::string aliases_;
};

// The lines of a list; blank ones and those that begin with '#' are skipped.
std::vector<std::string> ParseModuleList(std::string_view text);

}  // namespace crashdump
