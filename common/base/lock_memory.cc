// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/base/lock_memory.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <cerrno>

// Linux 4.4; musl 1.2 has it, glibc since 2.27.
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

namespace crashdump {

Result<> LockMemory(Privileges privileges) {
  rlimit limit{};
  (void)getrlimit(RLIMIT_MEMLOCK, &limit);
  const rlimit unlimited = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  const bool is_unlimited = limit.rlim_cur == RLIM_INFINITY || setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0;
  if (!is_unlimited && privileges == Privileges::kGivenUpSoon) {
    return Error::Format(ErrorCode::kRefused, "locking memory: there is a limit");
  }
  // Only what is touched: stacks of threads are large, and empty.
  if (mlockall(MCL_CURRENT | MCL_ONFAULT | (is_unlimited ? MCL_FUTURE : 0)) == 0) return {};
  return Error::Os(errno, "locking memory");
}

}  // namespace crashdump
