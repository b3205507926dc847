// SPDX-License-Identifier: GPL-2.0-or-later
// Watchdog: the machine's hardware watchdog, if the capture kernel drives it. Init's loop feeds it, and each of that
// loop's waits has an end that only progress puts off: a hang anywhere ends in a reset.
#pragma once

#include <cstdint>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace crashdump {

class Watchdog {
 public:
  // Starts it (opening does), with a timeout of one minute where it can be set. From here on it must be fed.
  Result<> Open(const char* path);
  bool is_open() const { return fd_.valid(); }

  // Stops it, if its driver lets it be stopped; in any case it is not fed any more.
  void Close();

  // Feeds it if it is open and a third of its timeout has passed.
  void Feed(uint64_t now_ms);

 private:
  static constexpr int kTimeoutSeconds = 60;

  UniqueFd fd_;
  uint64_t interval_ms_ = 0;
  uint64_t fed_ms_ = 0;
};

}  // namespace crashdump
