// SPDX-License-Identifier: GPL-2.0-or-later
// Files of secrets, past the page cache: what stands there stays in freed memory, and a dump of this kernel may hold
// it. Where a filesystem has no direct I/O the page cache is used after all, and asked to forget.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace crashdump {

// Writes the text into a new file, open for writing, with newlines behind it up to a multiple of the block; on stable
// storage when it returns.
Result<> WriteUncached(int fd, std::string_view text);

// Overwrites what the file has, as far as its filesystem writes in place. For files that have no name any more.
Result<> EraseUncached(int fd);

// The whole file, open for reading, without the newlines at its end but one. More than `limit` bytes is kNoSpace.
Result<std::string> ReadUncached(int fd, uint64_t limit);

}  // namespace crashdump
