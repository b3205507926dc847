// SPDX-License-Identifier: GPL-2.0-or-later
// PanicMessages: the crashed kernel's log buffer as text, as dmesg would have printed it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/vmcore/kernel_memory.h"

namespace crashdump {

enum class CallerId : uint8_t { kHide, kShow };

struct PanicMessagesOptions {
  // Of a log that is longer, the oldest records are left out, so that at most this many bytes are written.
  uint64_t newest_bytes = UINT64_MAX;
  // "[    1.234567][  T123] text" instead of "[    1.234567] text": a kernel with CONFIG_PRINTK_CALLER prints it so,
  // but VMCOREINFO does not tell whether it has that.
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

class PrintkRing;

// The text holds whatever was logged, and users influence that: control characters, any byte. Pass it through
// EscapeControl (printable_text.h) before it gets to a terminal or a file that people read. Lines after the first of
// one record are indented by the width of its prefix, so that no text can pose as another record.
class PanicMessages {
 public:
  // Finds the log. `memory` must outlive this object. kUnsupported for a kernel whose log has another form than the
  // ring buffer of Linux 5.10 and later; kCorrupt or kNotFound, saying what, if the ring's own structures make no
  // sense.
  static Result<PanicMessages> Open(const KernelMemory& memory);
  PanicMessages(PanicMessages&&) noexcept;
  PanicMessages& operator=(PanicMessages&&) noexcept;
  ~PanicMessages();

  // Writes the text from the oldest record to the newest. Needs about 200 KiB besides, however large the log. Whatever
  // the ring holds, each of its descriptors is looked at no more than twice. Fails only if the sink does.
  Result<PanicMessagesSummary> Write(const PanicMessagesOptions& options, const TextSink& sink) const;

  // The same into a string.
  Result<std::string> Text(const PanicMessagesOptions& options = {}) const;

 private:
  explicit PanicMessages(std::unique_ptr<const PrintkRing> ring);

  std::unique_ptr<const PrintkRing> ring_;
};

}  // namespace crashdump
