// SPDX-License-Identifier: GPL-2.0-or-later
// LockMemory: for processes that hold keys.
#pragma once

#include <cstdint>

#include "common/base/result.h"

namespace crashdump {

enum class Privileges : uint8_t { kKept, kGivenUpSoon };

// What this process has of memory, and what it gets if RLIMIT_MEMLOCK can be made unlimited, stays in memory when it is
// touched and is never swapped. Where the limit stays, a process that gives its privileges up is left as it is, because
// its stack could not grow. Does not hold for children. Linux 4.4.
Result<> LockMemory(Privileges privileges);

}  // namespace crashdump
