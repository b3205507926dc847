// SPDX-License-Identifier: GPL-2.0-or-later
// LockMemory: for processes that hold keys.
#pragma once

#include <cstdint>

#include "common/base/result.h"

namespace crashdump {

enum class LockedMemory : uint8_t {
  kPresent,  // what the process has now
  kAll,      // what it gets, too
};

// What this process touches stays in memory and is never swapped. Needs a privilege, or an RLIMIT_MEMLOCK that suffices
// for everything; with kAll a process that has neither later on gets no more memory. Does not hold for children.
Result<> LockMemory(LockedMemory memory);

}  // namespace crashdump
