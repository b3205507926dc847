// SPDX-License-Identifier: GPL-2.0-or-later
// Waiting for what somebody else has in use for a moment: locks of files, and the kernel's own lock on crash kernels.
#pragma once

#include <chrono>

#include "common/base/result.h"

namespace crashdump {

// Loading and unloading a crash kernel fails with EBUSY while anybody does one of these; since Linux 6.1 (7bb5da0d490b)
// shrinking the reservation and asking for its size do, too, and nobody can load while another one asks. Who only asks
// waits until a load is over.
inline constexpr std::chrono::seconds kKexecQueryLimit{10};
// Who changes something waits for those who ask, which takes microseconds, but not for a load: what another program is
// loading just now is not to be taken from it.
inline constexpr std::chrono::seconds kKexecChangeLimit{1};

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
