// SPDX-License-Identifier: GPL-2.0-or-later
// LockMemory: for processes that hold keys.
#pragma once

#include "common/base/result.h"

namespace crashdump {

// What this process has of memory, and what it gets if RLIMIT_MEMLOCK can be made unlimited, stays in memory when it is
// touched and is never swapped. (With a limit, a process that gives up the privilege would get no more memory.) Does
// not hold for children.
Result<> LockMemory();

}  // namespace crashdump
