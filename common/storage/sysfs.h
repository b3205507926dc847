// SPDX-License-Identifier: GPL-2.0-or-later
// Looking around in the kernel's sysfs: a tree of directories for devices and drivers, of links between them, and of
// files with one value each (Linux Documentation/filesystems/sysfs.rst).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/units.h"

namespace crashdump::sysfs {

// No attribute that is read here is longer.
inline constexpr uint64_t kAttributeLimit = 64 * kKiB;

// In byte order, without those that begin with a dot; none if there is no such directory.
std::vector<std::string> Entries(const std::string& path);
bool Exists(const std::string& path);
// The path without links; nothing if it leads nowhere.
std::optional<std::string> RealPath(const std::string& path);
std::string BaseName(const std::string& path);
std::string ParentOf(const std::string& path);
// Without blanks and NULs at both ends; empty if the attribute is not there or cannot be read.
std::string Attribute(const std::string& directory, const char* name);

}  // namespace crashdump::sysfs
