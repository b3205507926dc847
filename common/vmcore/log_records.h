// SPDX-License-Identifier: GPL-2.0-or-later
// LogRecords: what the log of a crashed kernel holds, in whichever form that kernel keeps it. Each form has one file:
// printk_ring.h, printk_log.h, plain_log.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace crashdump {

struct LogStamp {
  uint64_t nanoseconds = 0;           // since boot
  std::optional<uint32_t> caller_id;  // bit 31 set: a CPU's number, else a task's id
};

struct LogRecord {
  // What became of the record.
  enum class State : uint8_t {
    kText,         // the fields below hold it
    kAbsent,       // no text: an empty line, one that did not fit, or one that has given way to a newer one
    kHalfWritten,  // the kernel did not finish it
    kDamaged,      // contradicts itself, or cannot be read
  };
  State state = State::kAbsent;
  // Of a form that keeps it apart from the text. Without a stamp the text is complete, to its newline.
  std::optional<LogStamp> stamp;
  std::string text;  // as logged: any bytes, at most 65535
};

// After so many records on end that are damaged nothing better is to be expected but from the newest: a walk goes on
// with as many of those, since a log that claims millions must not delay the dump.
inline constexpr uint64_t kMaxDamagedOnEnd = 1U << 14;

// One walk over the records, for one thread. Keeps what it has read of the log's memory: a few pages at most.
class LogWalk {
 public:
  virtual ~LogWalk() = default;
  // Fills `record`, whose text keeps its memory from call to call, with the oldest record that this walk has not handed
  // out. False, without one, behind the newest. Whatever the memory holds, every walk ends, and sees the same records.
  virtual bool Next(LogRecord& record) = 0;
};

// A log: each call starts a walk at the oldest record.
using LogRecords = std::function<std::unique_ptr<LogWalk>()>;

}  // namespace crashdump
