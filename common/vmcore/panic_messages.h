// SPDX-License-Identifier: GPL-2.0-or-later
// PanicMessages: the crashed kernel's log as text, byte for byte what `makedumpfile --dump-dmesg` prints, with two
// exceptions. Bytes of a record that are neither printable ASCII nor white space: makedumpfile writes \xNN or
// \xffffffNN; this class hands on every byte as it was logged, and EscapeControl (printable_text.h) is for whoever
// shows the text. Damaged logs: makedumpfile prints what it takes for a record, or fails.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/vmcore/kernel_memory.h"
#include "common/vmcore/log_records.h"

namespace crashdump {

enum class CallerId : uint8_t { kHide, kShow };

struct PanicMessagesOptions {
  // Of a log that is longer, the oldest records are left out, so that at most this many bytes are written.
  uint64_t newest_bytes = UINT64_MAX;
  // "[    1.234567] [    T123] text" instead of "[    1.234567] text", of records that have a caller id: those of every
  // ring buffer, and of the record buffer of a kernel with CONFIG_PRINTK_CALLER. makedumpfile 1.7.6 always prints it,
  // 1.7.2 never does; a kernel does itself if it has that option, as "[    1.234567][  T123] text".
  CallerId caller_id = CallerId::kHide;
};

struct PanicMessagesSummary {
  uint64_t records = 0;       // written
  uint64_t bytes = 0;         // written
  uint64_t left_out = 0;      // oldest records, for newest_bytes
  uint64_t half_written = 0;  // never finished by the kernel: skipped, as the kernel does
  uint64_t damaged = 0;       // contradict themselves or cannot be read: skipped
};

// Receives the text in pieces, each one record with its newline; the view is valid during the call. An error ends the
// walk and is handed on.
using TextSink = std::function<Result<>(std::string_view)>;

// Reads the ring buffer of Linux 5.10 and later, the record buffer since 3.5 and the plain buffer before.
// The text holds whatever was logged, and users influence that: control characters, any byte. Pass it through
// EscapeControl (printable_text.h) before it gets to a terminal or a file that people read. Lines after the first of
// one record are indented by the width of its prefix, so that no text can pose as another record; the plain buffer has
// no records, and its text comes as it stands.
class PanicMessages {
 public:
  // Finds the log. `memory` must outlive this object. kUnsupported if VMCOREINFO tells of none; kCorrupt or kNotFound,
  // saying what, if the log's own structures make no sense.
  static Result<PanicMessages> Open(const KernelMemory& memory);

  // Writes the text from the oldest record to the newest. Needs about 200 KiB besides, however large the log. Whatever
  // the log holds, it is walked no more than twice. Fails only if the sink does.
  Result<PanicMessagesSummary> Write(const PanicMessagesOptions& options, const TextSink& sink) const;

  // The same into a string.
  Result<std::string> Text(const PanicMessagesOptions& options = {}) const;

 private:
  explicit PanicMessages(LogRecords records) : records_(std::move(records)) {}

  LogRecords records_;
};

}  // namespace crashdump
