// SPDX-License-Identifier: GPL-2.0-or-later
// The runner of step tables: one row per thing that must be done before the capture.
#pragma once

#include <span>

#include "capture/init/init_context.h"

namespace crashdump {

struct Step {
  enum class Need : uint8_t { kRequired, kOptional };
  enum class Place : uint8_t {
    kInit,   // in init, for what changes init; beyond the deadline the guard resets the machine
    kChild,  // in a child, for what may hang; beyond the deadline it is killed and left behind
  };

  const char* name;
  Result<> (*run)(InitContext& init);
  Need need;
  Place place;
  uint64_t deadline_ms;
};

// Runs the steps in order. A failed optional step is noted; a failed required step is the result, and ends the run.
Result<> RunSteps(InitContext& init, std::span<const Step> steps);

}  // namespace crashdump
