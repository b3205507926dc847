// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/root_command.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/lock_memory.h"

namespace crashdump {

Result<> BeginRootCommand() {
  if (geteuid() != 0) return Error::Format(ErrorCode::kRefused, "only root can do this");
  if (prctl(PR_SET_DUMPABLE, 0) != 0) return Error::Os(errno, "prctl");
  // A key that is swapped lies beside the dump that it encrypts. Where memory cannot be locked, work is done all the
  // same.
  (void)LockMemory(Privileges::kKept);
  return {};
}

}  // namespace crashdump
