// SPDX-License-Identifier: GPL-2.0-or-later
// A zstd for the capture kernel's shell, which BusyBox does not have: compresses from one descriptor to another.
#pragma once

#include <span>

#include "common/base/result.h"

namespace crashdump {

// `arguments` are zstd's: -1 to -19, and -c, which is what it does anyway. The window of the frame (RFC 8878) is 1 MiB
// at most, so that level 1 needs about 2 MiB of memory, 19 about 20. kInvalidArgument names what is wrong with them.
Result<> FilterZstd(std::span<char* const> arguments, int input, int output);

}  // namespace crashdump
