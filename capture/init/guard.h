// SPDX-License-Identifier: GPL-2.0-or-later
// Guard: a watchdog in software. A process of its own that resets the machine when init itself hangs in the kernel (in
// a write to a device, say), where no deadline inside init can help.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace crashdump {

class Guard {
 public:
  // Starts the process. When time runs out it calls `on_expiry` and ends. It ends by itself when this object is gone.
  static Result<Guard> Start(void (*on_expiry)());

  Guard() = default;  // guards nothing

  // Init is alive, and will be heard of again within `limit_ms`. Sent at most once per second unless the limit changes.
  void Expect(uint64_t limit_ms, uint64_t now_ms);

  pid_t pid() const { return pid_; }

 private:
  Guard(pid_t pid, UniqueFd pipe) : pid_(pid), pipe_(std::move(pipe)) {}

  pid_t pid_ = -1;
  UniqueFd pipe_;
  uint64_t sent_ms_ = 0;
  uint64_t sent_limit_ms_ = 0;
};

}  // namespace crashdump
