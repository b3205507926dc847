// SPDX-License-Identifier: GPL-2.0-or-later
// File operations with EINTR and short transfers handled once. Errors name the operation, not the path: callers
// prefix what they know.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace crashdump {

// open(2) with O_CLOEXEC added. `mode` is used with O_CREAT and O_TMPFILE only.
Result<UniqueFd> OpenFile(const char* path, int flags, unsigned mode = 0600);
// openat(2), likewise.
Result<UniqueFd> OpenFileAt(int directory_fd, const char* name, int flags, unsigned mode = 0600);

// All bytes or an error; kTruncated if the file ends first.
Result<> PreadFull(int fd, uint64_t offset, MutableBytes out);
Result<> PwriteFull(int fd, uint64_t offset, Bytes data);
Result<> WriteFull(int fd, Bytes data);
Result<> Fsync(int fd);
// Of a regular file.
Result<uint64_t> FileSize(int fd);

// The whole file, which may be one of proc or sysfs that has no size; more than `limit` bytes is kNoSpace.
Result<std::string> ReadText(int fd, uint64_t limit);
Result<std::string> ReadTextFile(const char* path, uint64_t limit);
Result<std::string> ReadTextFileAt(int directory_fd, const char* name, uint64_t limit);
// Writes into an existing file such as those of proc and sysfs, in one write(2).
Result<> WriteExistingFile(const char* path, std::string_view text);

// The names in a directory in byte order, without "." and "..". The descriptor's position does not matter or change.
Result<std::vector<std::string>> NamesInDirectory(int directory_fd);

// Puts `text` under `name` in the directory, whole or not at all: a new file with mode 0600 is written, fsynced and
// renamed over `name`, then the directory is fsynced. On failure nothing of it stays. With kBypass as WriteUncached().
enum class FileCache : uint8_t { kUse, kBypass };
Result<> ReplaceFileAt(int directory_fd, const char* name, std::string_view text, FileCache cache = FileCache::kUse);

}  // namespace crashdump
