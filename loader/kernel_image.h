// SPDX-License-Identifier: GPL-2.0-or-later
// Kernel files: whether an architecture's loaders take one. Asked before anything is loaded, because a loader that
// refuses may have freed the former image already.
#pragma once

#include <cstdint>

#include "common/base/result.h"
#include "loader/architecture.h"

namespace crashdump {

// The bytes of memory that the kernel in the open file of `size` bytes takes up, at least. kCorrupt if it is no kernel,
// kUnsupported if it is one of another architecture, or in a form that is not taken, kTruncated if its end is missing.
Result<uint64_t> CheckKernelImage(int fd, uint64_t size, const Architecture& architecture);

// How large a bzImage would be with zeros behind it for all the memory that it needs to unpack itself; 0 if the file is
// none.
Result<uint64_t> SizeWithRoomToUnpack(int fd, uint64_t size);

}  // namespace crashdump
