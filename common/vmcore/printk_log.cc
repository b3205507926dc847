// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/printk_log.h"

#include <algorithm>
#include <cinttypes>

namespace crashdump {
namespace {

// Linux kernel/printk/printk.c, LOG_BUF_LEN_MAX.
constexpr uint64_t kMaxBufferBytes = uint64_t{2} * kGiB;
constexpr uint64_t kMaxHeaderBytes = 256;

constexpr uint32_t kIndexBytes = 4;
constexpr uint32_t kNanosecondsBytes = 8;
constexpr uint32_t kLengthBytes = 2;
constexpr uint32_t kCallerIdBytes = 4;

// Sizes and places within struct printk_log. At first, that of Linux 3.5, which does not export it.
struct HeaderLayout {
  uint64_t bytes = 16, nanoseconds_at = 0, length_at = 8, text_length_at = 10;
  std::optional<uint64_t> caller_id_at;  // of kernels with CONFIG_PRINTK_CALLER

  uint64_t fields_end() const {
    return std::max({nanoseconds_at + kNanosecondsBytes, length_at + kLengthBytes, text_length_at + kLengthBytes,
                     caller_id_at ? *caller_id_at + kCallerIdBytes : 0});
  }
};

struct PrintkLog {
  // The kernel keeps room for one header behind each record.
  uint64_t last_header() const { return buffer_bytes - header.bytes; }

  const KernelMemory* memory = nullptr;
  HeaderLayout header;
  uint64_t buffer = 0;  // virtual address
  uint64_t buffer_bytes = 0;
  uint64_t first = 0, end = 0;  // offsets: of the oldest record, and where the next one would be put
};

Result<HeaderLayout> ReadLayout(const Vmcoreinfo& vmcoreinfo) {
  HeaderLayout header;
  const std::string name = vmcoreinfo.Find("SIZE(printk_log)") ? "printk_log" : "log";
  if (!vmcoreinfo.Find("SIZE(" + name + ")")) return header;
  constexpr auto kOffset = VmcoreinfoKind::kOffset;
  constexpr auto kRequired = VmcoreinfoField::Presence::kRequired;
  TRY(vmcoreinfo.Fill({{VmcoreinfoKind::kSize, name, &header.bytes, kRequired, kMaxHeaderBytes},
                       {kOffset, name + ".ts_nsec", &header.nanoseconds_at, kRequired, kMaxHeaderBytes},
                       {kOffset, name + ".len", &header.length_at, kRequired, kMaxHeaderBytes},
                       {kOffset, name + ".text_len", &header.text_length_at, kRequired, kMaxHeaderBytes}}));
  if (vmcoreinfo.Find("OFFSET(" + name + ".caller_id)")) {
    TRY(vmcoreinfo.Fill({{kOffset, name + ".caller_id", &header.caller_id_at.emplace(), kRequired, kMaxHeaderBytes}}));
  }
  if (header.bytes < header.fields_end()) {
    return Error::Format(ErrorCode::kCorrupt,
                         "VMCOREINFO: a log record's header of %" PRIu64 " bytes with fields up to %" PRIu64,
                         header.bytes, header.fields_end());
  }
  return header;
}

Result<PrintkLog> ReadLog(const KernelMemory& memory) {
  PrintkLog log{.memory = &memory, .header = TRY(ReadLayout(memory.vmcoreinfo()))};
  uint64_t buffer = 0, length = 0, first = 0, next = 0;
  TRY(memory.vmcoreinfo().Fill({{VmcoreinfoKind::kSymbol, "log_buf", &buffer},
                                {VmcoreinfoKind::kSymbol, "log_buf_len", &length},
                                {VmcoreinfoKind::kSymbol, "log_first_idx", &first},
                                {VmcoreinfoKind::kSymbol, "log_next_idx", &next}}));
  // log_buf is a pointer: the kernel moves to a larger buffer while it boots.
  log.buffer = TRY(memory.ReadWord(buffer), "log: log_buf");
  log.buffer_bytes = TRY(memory.ReadInteger(length, kIndexBytes), "log: log_buf_len");
  log.first = TRY(memory.ReadInteger(first, kIndexBytes), "log: log_first_idx");
  log.end = TRY(memory.ReadInteger(next, kIndexBytes), "log: log_next_idx");
  if (log.buffer_bytes > kMaxBufferBytes || log.buffer_bytes < log.header.bytes || log.first > log.last_header() ||
      log.end > log.last_header()) {
    return Error::Format(ErrorCode::kCorrupt,
                         "log: records from %" PRIu64 " to %" PRIu64 " of a buffer of %" PRIu64 " bytes", log.first,
                         log.end, log.buffer_bytes);
  }
  return log;
}

class PrintkLogWalk final : public LogWalk {
 public:
  explicit PrintkLogWalk(const PrintkLog& log) : log_(log), reader_(*log.memory), at_(log.first) {}

  bool Next(LogRecord& record) override {
    const Result<uint64_t> length = FindRecord();
    if (!length.ok()) {
      // Where the next record begins is not known, but for the one at the buffer's beginning after the log has wrapped.
      at_ = at_ > log_.end ? 0 : log_.end;
      record.state = LogRecord::State::kDamaged;
      return true;
    }
    if (length.value() == 0) return false;
    const bool is_read = ReadRecord(length.value(), record).ok();
    record.state = is_read ? LogRecord::State::kText : LogRecord::State::kDamaged;
    at_ += length.value();
    return true;
  }

 private:
  // Goes on at the buffer's beginning if the next record is there, and returns its length; 0 behind the newest.
  // Every length leads towards an end: first to the buffer's, then to the newest record's.
  Result<uint64_t> FindRecord() {
    while (at_ != log_.end) {
      const uint64_t length = TRY(ReadField(log_.header.length_at, kLengthBytes));
      const bool wraps = at_ > log_.end;
      if (length == 0 && wraps) {
        at_ = 0;
        continue;
      }
      const uint64_t room = (wraps ? log_.last_header() : log_.end) - at_;
      if (length < log_.header.bytes || length > room) {
        return Error::Format(ErrorCode::kCorrupt, "a record of %" PRIu64 " bytes, room for %" PRIu64, length, room);
      }
      return length;
    }
    return 0;
  }

  Result<> ReadRecord(uint64_t length, LogRecord& record) {
    const HeaderLayout& header = log_.header;
    LogStamp& stamp = record.stamp.emplace();
    stamp.nanoseconds = TRY(ReadField(header.nanoseconds_at, kNanosecondsBytes));
    if (header.caller_id_at) {
      stamp.caller_id = static_cast<uint32_t>(TRY(ReadField(*header.caller_id_at, kCallerIdBytes)));
    }
    const uint64_t text_bytes = TRY(ReadField(header.text_length_at, kLengthBytes));
    if (text_bytes > length - header.bytes) {
      return Error::Format(ErrorCode::kCorrupt, "a text of %" PRIu64 " bytes in a record of %" PRIu64, text_bytes,
                           length);
    }
    record.text.resize(static_cast<size_t>(text_bytes));
    return reader_.Read(log_.buffer + at_ + header.bytes, MutableBytesOf(record.text));
  }

  Result<uint64_t> ReadField(uint64_t offset, uint32_t size) {
    return reader_.ReadInteger(log_.buffer + at_ + offset, size);
  }

  const PrintkLog log_;
  CachedKernelReader reader_;
  uint64_t at_;  // offset in the buffer
};

}  // namespace

Result<LogRecords> OpenPrintkLog(const KernelMemory& memory) {
  const PrintkLog log = TRY(ReadLog(memory));
  return LogRecords([log] { return std::make_unique<PrintkLogWalk>(log); });
}

}  // namespace crashdump
