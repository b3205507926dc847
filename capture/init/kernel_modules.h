// SPDX-License-Identifier: GPL-2.0-or-later
// Kernel modules: the files of drivers into the kernel.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/options/module_index.h"

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

// Loads a driver for each line, in the order given, each behind what it depends on. A line is the name of a module, an
// alias (which has a colon), or both: then the alias counts only if the name is not known here. Drivers that are not in
// the index are taken for built in, and what fails to load is not fatal (the capture program finds out whether its disk
// is there): for a name that is not known in any way, and for each failure, a note is returned.
std::vector<std::string> LoadModules(const std::vector<std::string>& lines, const ModuleIndex& index,
                                     const std::string& directory, ModuleLoader& loader);

// /lib/modules/<version of the running kernel>.
std::string ModuleDirectory();

}  // namespace crashdump
