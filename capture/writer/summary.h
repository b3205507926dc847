// SPDX-License-Identifier: GPL-2.0-or-later
// The text of a dump's "summary" object, written last: counters, cost, and the capture's own log.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "capture/writer/capture_log.h"
#include "capture/writer/capture_pipeline.h"
#include "common/format/dump_writer.h"

namespace crashdump {

class Stopwatch {
 public:
  uint64_t Milliseconds() const;

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// The largest amount of memory that this process has had so far (VmHWM); 0 if /proc does not tell.
uint64_t PeakMemoryKib();

// Keys (docs/dump-format.md, "Summary"):
//   data_pages, zero_pages, unreadable_pages, chunks, stored_bytes: what was written
//   kept_CLASS, left_out_CLASS   pages of the machine by class, and whether the level keeps them; classes without pages
//                have no line. Kept pages are in the dump if it is complete
//   order        the classes in the order of their passes, "kernel,unclassified user free"
//   complete_passes  how many of these are in the dump as a whole
//   threads, elapsed_ms, vm_hwm_kib
//   compression_levels  how many chunks had which: "1:520 2:31"
//   log                          one line each
// `pipeline` is null for a dump of messages only.
std::string SummaryText(const DumpCounters& counters, const CapturePipeline* pipeline, size_t complete_passes,
                        uint64_t elapsed_milliseconds, const CaptureLog& log);

}  // namespace crashdump
