// SPDX-License-Identifier: GPL-2.0-or-later
// What to expect of a capture: how large it becomes, how long it takes, whether it fits. For people: nothing is decided
// by it.
#pragma once

#include <cstdint>
#include <string>

#include "capture/writer/capture_pipeline.h"
#include "capture/writer/page_filler.h"
#include "capture/writer/summary.h"

namespace crashdump {

// Once the pages are counted: "keeps 47806 of 1048576 pages, 186.7 MiB (kernel 47806), in a region of 3.0 GiB: fits".
std::string PlanText(const PageFiller& filler, uint64_t room_bytes);

// Foretells the end of what has begun, once.
class Forecast {
 public:
  // The clock starts now.
  explicit Forecast(uint64_t room_bytes) : room_bytes_(room_bytes) {}

  // "about 24.0 MiB in 12 s: fits", the first time that a sixteenth is done; else "".
  std::string Update(const CaptureProgress& progress);

 private:
  uint64_t room_bytes_;
  Stopwatch stopwatch_;
  bool done_ = false;
};

}  // namespace crashdump
