// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/busy.h"

#include <sys/file.h>

#include <cerrno>
#include <ctime>

namespace crashdump {

bool IsBusy(const Error& error) {
  return error.os_error() == EBUSY || error.os_error() == EWOULDBLOCK || error.os_error() == EINTR;
}

void PauseWhileBusy() {
  constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 100'000'000};
  (void)nanosleep(&kPause, nullptr);
}

Result<> LockFile(int fd, std::chrono::milliseconds limit) {
  return RetryWhileBusy(limit, [fd]() -> Result<> {
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) return Error::Os(errno, "flock");
    return {};
  });
}

}  // namespace crashdump
