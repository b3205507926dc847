// SPDX-License-Identifier: GPL-2.0-or-later
// Waiting for what somebody else has in use for a moment: locks of files, and the kernel's own lock on crash kernels.
#pragma once

#include <chrono>

#include "common/base/result.h"

namespace crashdump {

// Since Linux 6.1 ("kexec: turn all kexec_mutex acquisitions into trylocks") whatever loads, unloads, shrinks the
// reservation or only asks for its size fails with EBUSY while somebody else does one of these.
inline constexpr std::chrono::milliseconds kKexecBusyLimit{10'000};

// EBUSY, EWOULDBLOCK and EINTR.
bool IsBusy(const Error& error);

void PauseWhileBusy();

// What `attempt`, which returns a Result, gives as soon as that is not "busy", tried ten times a second; after `limit`
// whatever it gives.
template <typename Attempt>
auto RetryWhileBusy(std::chrono::milliseconds limit, Attempt attempt) -> decltype(attempt()) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (true) {
    auto result = attempt();
    if (result.ok() || !IsBusy(result.error()) || std::chrono::steady_clock::now() >= end) return result;
    PauseWhileBusy();
  }
}

// An exclusive flock(2). IsBusy() if another one holds it all the time.
Result<> LockFile(int fd, std::chrono::milliseconds limit);

}  // namespace crashdump
