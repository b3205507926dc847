// SPDX-License-Identifier: GPL-2.0-or-later
// WriteDump: one dump in the order that makes it safe: messages, flush, pages, flush, trailer. `crashdump save` and
// crashdump-capture differ only in where they write.
#pragma once

#include <optional>
#include <string_view>

#include "capture/writer/capture_log.h"
#include "capture/writer/capture_pipeline.h"
#include "capture/writer/dump_contents.h"
#include "common/base/result.h"
#include "common/format/dump_writer.h"

namespace crashdump {

// Who wants to know what happens meanwhile.
class CaptureListener {
 public:
  virtual ~CaptureListener() = default;
  // The panic messages are on stable storage. The pages are counted when it returns.
  virtual void OnMessagesSafe() = 0;
  // They have been counted, and the first is written when it returns.
  virtual void OnCounted() = 0;
  virtual void OnProgress(const CaptureProgress& progress) = 0;
  // Something worth a line that does not end the capture; it is in the log already.
  virtual void OnNote(std::string_view text) = 0;
};

struct WriteDumpOutcome {
  DumpResult result{};
  DumpCounters counters;
  // The dump was cut short by this, after the messages were safe. The trailer has been tried nevertheless.
  std::optional<Error> error;
};

// Writes everything into `writer`, which has been created and not used yet. Without a pipeline (null) the dump is
// messages only. An error is one before the messages were safe.
Result<WriteDumpOutcome> WriteDump(DumpWriter& writer, const Vmcore& vmcore, DumpContents contents,
                                   CapturePipeline* pipeline, CaptureLog& log, CaptureListener& listener);

// Bytes of the messages range that are kept for what WriteDump() puts behind the messages; for MeasureMessages().
inline constexpr uint64_t kBehindMessagesBytes = 1024;

}  // namespace crashdump
