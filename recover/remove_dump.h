// SPDX-License-Identifier: GPL-2.0-or-later
// Removing a recovered dump, whole or not at all.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/format/key_store.h"

namespace crashdump {

// Whether the directory `name` may go: it is ours, holds nothing but what Publisher has put there, and nothing of the
// dump is still to be recovered. kRefused, saying which of these is not so; kNotFound without such a directory.
Result<> CheckRemovable(int dumps_fd, const std::string& name, const KeyStore& keys);

// Of one that has passed the check. If it is cut off, Publisher::RemoveLeftovers() finishes it.
Result<> RemoveDump(int dumps_fd, const std::string& name);

// The dumps that these IDs name (FindDump()): all of them, or, if one of them is none or may not go, none. Their names.
Result<std::vector<std::string>> RemoveDumps(const std::string& crash_directory, const std::vector<std::string>& ids,
                                             const KeyStore& keys);

}  // namespace crashdump
