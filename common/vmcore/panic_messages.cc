// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/panic_messages.h"

#include <array>
#include <cinttypes>
#include <cstdio>

#include "common/vmcore/printk_ring.h"

namespace crashdump {
namespace {

// After so many records on end that are damaged nothing better is to be expected, and a log that claims millions of
// them must not delay the dump.
constexpr uint64_t kMaxDamagedOnEnd = 1U << 16;

constexpr uint32_t kCallerIsCpu = 1U << 31;
constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

// Puts the record into `out` as Linux print_prefix() and makedumpfile print it.
void FormatRecord(const PrintkRecord& record, CallerId caller_id, std::string& out) {
  out.clear();
  std::array<char, 64> prefix{};
  int length = snprintf(prefix.data(), prefix.size(), "[%5" PRIu64 ".%06" PRIu64 "]",
                        record.nanoseconds / kNanosecondsPerSecond, record.nanoseconds % kNanosecondsPerSecond / 1000);
  out.append(prefix.data(), static_cast<size_t>(length));
  if (caller_id == CallerId::kShow) {
    std::array<char, 16> caller{};
    (void)snprintf(caller.data(), caller.size(), "%c%" PRIu32, (record.caller_id & kCallerIsCpu) != 0 ? 'C' : 'T',
                   record.caller_id & ~kCallerIsCpu);
    length = snprintf(prefix.data(), prefix.size(), "[%6s]", caller.data());
    out.append(prefix.data(), static_cast<size_t>(length));
  }
  out.push_back(' ');
  const size_t indent = out.size();
  for (const char character : record.text) {
    out.push_back(character);
    if (character == '\n') out.append(indent, ' ');
  }
  out.push_back('\n');
}

// Ends a walk over records that are all damaged.
class DamageLimit {
 public:
  bool Reached(PrintkRecord::State state) {
    on_end_ = state == PrintkRecord::State::kDamaged ? on_end_ + 1 : 0;
    return on_end_ >= kMaxDamagedOnEnd;
  }

 private:
  uint64_t on_end_ = 0;
};

// The index of the oldest record from which on all texts together are within the limit.
uint64_t FindFirst(const PrintkRing& ring, const PanicMessagesOptions& options) {
  PrintkRing::Reader reader(ring);
  PrintkRecord record;
  std::string line;
  DamageLimit damage;
  uint64_t room = options.newest_bytes;
  for (uint64_t index = ring.count(); index-- > 0;) {
    reader.Read(index, record);
    if (damage.Reached(record.state)) return index;
    if (record.state != PrintkRecord::State::kText) continue;
    FormatRecord(record, options.caller_id, line);
    if (line.size() > room) return index + 1;
    room -= line.size();
  }
  return 0;
}

}  // namespace

Result<PanicMessages> PanicMessages::Open(const KernelMemory& memory) {
  PrintkRing ring = TRY(PrintkRing::Open(memory));
  return PanicMessages(std::make_unique<const PrintkRing>(ring));
}

PanicMessages::PanicMessages(std::unique_ptr<const PrintkRing> ring) : ring_(std::move(ring)) {}
PanicMessages::PanicMessages(PanicMessages&&) noexcept = default;
PanicMessages& PanicMessages::operator=(PanicMessages&&) noexcept = default;
PanicMessages::~PanicMessages() = default;

Result<PanicMessagesSummary> PanicMessages::Write(const PanicMessagesOptions& options, const TextSink& sink) const {
  PanicMessagesSummary summary;
  // Where the newest bytes begin is known only after a walk back from the end.
  const uint64_t first = options.newest_bytes == UINT64_MAX ? 0 : FindFirst(*ring_, options);
  summary.left_out = first;
  PrintkRing::Reader reader(*ring_);
  PrintkRecord record;
  std::string line;
  DamageLimit damage;
  for (uint64_t index = first; index < ring_->count(); ++index) {
    reader.Read(index, record);
    if (damage.Reached(record.state)) break;
    switch (record.state) {
      case PrintkRecord::State::kText:
        FormatRecord(record, options.caller_id, line);
        TRY(sink(line));
        ++summary.records;
        summary.bytes += line.size();
        break;
      case PrintkRecord::State::kAbsent:
        break;
      case PrintkRecord::State::kHalfWritten:
        ++summary.half_written;
        break;
      case PrintkRecord::State::kDamaged:
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
