// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/base/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cinttypes>

#include "common/base/io.h"

namespace crashdump {

Result<> MemorySource::ReadAt(uint64_t offset, MutableBytes out) const {
  if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
    return Error::Format(ErrorCode::kTruncated, "offset %" PRIu64 ": needs %zu bytes, the data end at %zu", offset,
                         out.size(), bytes_.size());
  }
  if (!out.empty()) memcpy(out.data(), bytes_.data() + offset, out.size());
  return {};
}

Result<FileSource> FileSource::Open(const char* path) {
  // O_NONBLOCK: a FIFO in place of a file must not block us; it has no effect on regular files.
  UniqueFd fd = TRY(OpenFile(path, O_RDONLY | O_NONBLOCK));
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return Error::Os(errno, "fstat");
  if (S_ISDIR(status.st_mode)) return Error::Os(EISDIR, "open");
  if (!S_ISREG(status.st_mode)) return Error::Format(ErrorCode::kInvalidArgument, "not a regular file");
  return FileSource(std::move(fd), static_cast<uint64_t>(status.st_size));
}

Result<> FileSource::ReadAt(uint64_t offset, MutableBytes out) const { return PreadFull(fd_.get(), offset, out); }

}  // namespace crashdump
