// SPDX-License-Identifier: GPL-2.0-or-later
// The capture as init sees it: one or two runs of the capture program, shown on console and status port.
#pragma once

#include <string>
#include <vector>

#include "capture/init/capture_attempt.h"
#include "capture/init/init_context.h"

namespace crashdump {

// The arguments of attempt `number` (1 or 2); `confirmed`: the person at the machine has said yes to the target
// already.
std::vector<std::string> CaptureArguments(const Options& options, unsigned number, bool confirmed);

struct CaptureOutcome {
  CaptureAttempt::End end = CaptureAttempt::End::kFailed;  // of the last attempt
  bool complete = false;                                   // and so is the dump
  bool messages_safe = false;                              // one of them has written the panic messages
  bool declined = false;                                   // the person at the machine did not want it
};

// Has `program` tell the last panic messages, for consoles and screen, after a capture that could write them nowhere;
// for `longest_ms` at most.
void ShowMessages(InitContext& init, const char* program, uint64_t longest_ms = 30'000);

// Runs `program` until it is done, has failed for good, or time is up; `death_ms` is how long a killed one may take to
// die.
CaptureOutcome SuperviseCapture(InitContext& init, const char* program, uint64_t death_ms = AttemptLimits().death_ms);

}  // namespace crashdump
