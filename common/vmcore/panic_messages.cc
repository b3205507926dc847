// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/panic_messages.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>

#include "common/vmcore/plain_log.h"
#include "common/vmcore/printk_log.h"
#include "common/vmcore/printk_ring.h"

namespace crashdump {
namespace {

constexpr uint32_t kCallerIsCpu = 1U << 31;
constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

// Puts the record into `out` as makedumpfile prints it.
void FormatRecord(const LogRecord& record, CallerId caller_id, std::string& out) {
  if (!record.stamp) {
    out = record.text;
    return;
  }
  const uint64_t nanoseconds = record.stamp->nanoseconds;
  std::array<char, 64> prefix{};
  int length = snprintf(prefix.data(), prefix.size(), "[%5" PRIu64 ".%06" PRIu64 "] ",
                        nanoseconds / kNanosecondsPerSecond, nanoseconds % kNanosecondsPerSecond / 1000);
  out.assign(prefix.data(), static_cast<size_t>(length));
  if (caller_id == CallerId::kShow && record.stamp->caller_id) {
    const uint32_t id = *record.stamp->caller_id;
    std::array<char, 16> caller{};
    (void)snprintf(caller.data(), caller.size(), "%c%" PRIu32, (id & kCallerIsCpu) != 0 ? 'C' : 'T',
                   id & ~kCallerIsCpu);
    length = snprintf(prefix.data(), prefix.size(), "[%8s] ", caller.data());
    out.append(prefix.data(), static_cast<size_t>(length));
  }
  const size_t indent = out.size();
  for (const char character : record.text) {
    out.push_back(character);
    if (character == '\n') out.append(indent, ' ');
  }
  out.push_back('\n');
}

// How many bytes of text are to be left out at the beginning. The records have to be walked for that: only the lengths
// of the older ones tell where the newer ones are.
uint64_t BytesToLeaveOut(const LogRecords& records, const PanicMessagesOptions& options) {
  if (options.newest_bytes == UINT64_MAX) return 0;
  const std::unique_ptr<LogWalk> walk = records();
  LogRecord record;
  std::string line;
  uint64_t bytes = 0;
  while (walk->Next(record)) {
    if (record.state != LogRecord::State::kText) continue;
    FormatRecord(record, options.caller_id, line);
    bytes += line.size();
  }
  return bytes - std::min(bytes, options.newest_bytes);
}

Result<LogRecords> OpenRecords(const KernelMemory& memory) {
  const Vmcoreinfo& vmcoreinfo = memory.vmcoreinfo();
  if (vmcoreinfo.Find("SYMBOL(prb)")) return OpenPrintkRing(memory);
  if (vmcoreinfo.Find("SYMBOL(log_first_idx)")) return OpenPrintkLog(memory);
  if (vmcoreinfo.Find("SYMBOL(log_end)")) return OpenPlainLog(memory);
  return Error::Format(ErrorCode::kUnsupported,
                       "VMCOREINFO says nothing of a log: neither SYMBOL(prb) nor SYMBOL(log_first_idx) nor "
                       "SYMBOL(log_end)");
}

}  // namespace

Result<PanicMessages> PanicMessages::Open(const KernelMemory& memory) {
  return PanicMessages(TRY(OpenRecords(memory)));
}

Result<PanicMessagesSummary> PanicMessages::Write(const PanicMessagesOptions& options, const TextSink& sink) const {
  PanicMessagesSummary summary;
  uint64_t leave_out = BytesToLeaveOut(records_, options);
  const std::unique_ptr<LogWalk> walk = records_();
  LogRecord record;
  std::string line;
  while (walk->Next(record)) {
    switch (record.state) {
      case LogRecord::State::kText:
        FormatRecord(record, options.caller_id, line);
        if (leave_out != 0) {
          leave_out -= std::min<uint64_t>(leave_out, line.size());
          ++summary.left_out;
          break;
        }
        TRY(sink(line));
        ++summary.records;
        summary.bytes += line.size();
        break;
      case LogRecord::State::kAbsent:
        break;
      case LogRecord::State::kHalfWritten:
        ++summary.half_written;
        break;
      case LogRecord::State::kDamaged:
        ++summary.damaged;
        break;
    }
  }
  return summary;
}

Result<std::string> PanicMessages::Text(const PanicMessagesOptions& options) const {
  std::string text;
  TRY(Write(options, [&text](std::string_view line) -> Result<> {
    text.append(line);
    return {};
  }));
  return text;
}

}  // namespace crashdump
