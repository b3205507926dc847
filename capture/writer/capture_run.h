// SPDX-License-Identifier: GPL-2.0-or-later
// One attempt of crashdump-capture after its target has been proven: what it writes there and what it tells init.
// Knows nothing about devices, so that tests run it on a fake one.
#pragma once

#include <atomic>
#include <cstdint>

#include "capture/writer/dump_contents.h"
#include "capture/writer/status_reporter.h"
#include "capture/writer/write_dump.h"
#include "common/base/byte_sink.h"
#include "common/base/result.h"
#include "common/format/key_record.h"
#include "common/vmcore/page_class.h"
#include "common/vmcore/physical_memory.h"
#include "common/vmcore/vmcore.h"

namespace crashdump {

// Of a longer log the oldest records are left out before anything is compressed: as text they would take more memory
// than the whole capture, and not even compressed would they fit the slot.
inline constexpr uint64_t kCaptureLogBytes = 2 * kMiB;

struct CaptureOptions {
  unsigned attempt = 1;  // 1; or 2: messages only
  unsigned threads = 1;
  CompressionLevels compression = kMinCompressionLevel;
  DumpLevel level;
  // How long to wait for init's `go` when the messages are safe; 0: not at all.
  uint64_t hold_seconds = 0;
};

struct CaptureSource {
  const Vmcore& vmcore;
  const PhysicalMemory& memory;
  PageClassifier& classifier;
};

// Writes one attempt into `sink`, whose offsets are relative to the region. Returns once the dump is committed as well
// as it can be; the caller tells init the result. An error means that not even the messages are safe.
Result<WriteDumpOutcome> RunCapture(const CaptureSource& source, DumpContents contents, const KeyArming& arming,
                                    ByteSink& sink, const CaptureOptions& options, const std::atomic<bool>& stop,
                                    const StatusReporter& status);

// The `result` line, with the same notion of "complete" as DumpReader's.
void ReportResult(const WriteDumpOutcome& outcome, const StatusReporter& status);

}  // namespace crashdump
