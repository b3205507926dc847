// SPDX-License-Identifier: GPL-2.0-or-later
// Directories that nobody but root can look into, below one where everybody may write (/var/crash).
#pragma once

#include <string_view>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace crashdump {

// Opens the directory `name` (one path component) in the directory `parent_fd`: ours (the caller's uid) with mode 0700,
// made if absent. What somebody else put there under that name, a link or a file included, is renamed aside
// to "<name>.foreign-<hex>", never followed, never removed. Ours with a looser mode is made 0700.
Result<UniqueFd> OpenPrivateDirectory(int parent_fd, const char* name);

// The same directory, if it is there and ours, and changes nothing. kNotFound: there is none; kRefused: something else
// has the name, which is not looked into.
Result<UniqueFd> FindPrivateDirectory(int parent_fd, const char* name);

// renameat2(2) within a directory; `flags` as there. -1 and errno on failure. (musl before 1.2.6 has no renameat2().)
int RenameWithin(int directory_fd, const char* from, const char* to, unsigned flags);

// Renames `name`, whatever it is, to "<name>.foreign-<hex>". Not there is fine.
Result<> MoveAside(int parent_fd, const char* name);

// Removes a directory of ours with the files in it; it holds no directories. Not there is fine.
Result<> RemovePrivateDirectory(int parent_fd, const char* name);

// A new file of mode 0600 for writing; kOs with EEXIST if the name is taken by anything.
Result<UniqueFd> CreatePrivateFile(int directory_fd, const char* name);

// The same with this text, on stable storage.
Result<> WritePrivateFile(int directory_fd, const char* name, std::string_view text);

}  // namespace crashdump
