// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/base/lock_memory.h"

#include <sys/mman.h>

#include <cerrno>

// Linux 4.4; musl 1.2 has it, glibc since 2.27.
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

namespace crashdump {

Result<> LockMemory(LockedMemory memory) {
  // Only what is touched: stacks of threads are large, and empty.
  const int later = memory == LockedMemory::kAll ? MCL_FUTURE : 0;
  if (mlockall(MCL_CURRENT | MCL_ONFAULT | later) == 0) return {};
  return Error::Os(errno, "locking memory");
}

}  // namespace crashdump
