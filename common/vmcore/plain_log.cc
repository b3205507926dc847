// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/plain_log.h"

#include <algorithm>
#include <cinttypes>
#include <string_view>
#include <vector>

namespace crashdump {
namespace {

// `int log_buf_len` is a power of two.
constexpr uint64_t kMaxBufferBytes = kGiB;
constexpr size_t kMaxLine = 64 * kKiB - 1;
// Of log_buf_len and log_end. Up to Linux 2.6.24, log_end was an unsigned long; those kernels do not export it.
constexpr uint32_t kUnsignedIntBytes = 4;

struct PlainLog {
  const KernelMemory* memory = nullptr;
  uint64_t buffer = 0;  // virtual address
  uint64_t buffer_bytes = 0;
  uint64_t begin = 0;  // offset of the oldest byte
  uint64_t bytes = 0;  // from there on, around the buffer's end
};

Result<PlainLog> ReadLog(const KernelMemory& memory) {
  PlainLog log{.memory = &memory};
  uint64_t buffer = 0, length = 0, end = 0;
  TRY(memory.vmcoreinfo().Fill({{VmcoreinfoKind::kSymbol, "log_buf", &buffer},
                                {VmcoreinfoKind::kSymbol, "log_buf_len", &length},
                                {VmcoreinfoKind::kSymbol, "log_end", &end}}));
  // log_buf is a pointer: the kernel moves to a larger buffer while it boots.
  log.buffer = TRY(memory.ReadWord(buffer), "log: log_buf");
  log.buffer_bytes = TRY(memory.ReadInteger(length, kUnsignedIntBytes), "log: log_buf_len");
  const uint64_t logged = TRY(memory.ReadInteger(end, kUnsignedIntBytes), "log: log_end");
  if (log.buffer_bytes == 0 || log.buffer_bytes > kMaxBufferBytes) {
    return Error::Format(ErrorCode::kCorrupt, "log: a buffer of %" PRIu64 " bytes", log.buffer_bytes);
  }
  log.bytes = std::min(logged, log.buffer_bytes);
  log.begin = (logged - log.bytes) % log.buffer_bytes;
  return log;
}

class PlainLogWalk final : public LogWalk {
 public:
  explicit PlainLogWalk(const PlainLog& log)
      : log_(log), buffer_(static_cast<size_t>(log.memory->vmcore().page_size())) {}

  bool Next(LogRecord& record) override {
    record.state = LogRecord::State::kText;
    record.stamp.reset();
    record.text.clear();
    while (record.text.size() < kMaxLine && !record.text.ends_with('\n')) {
      if (unread_.empty()) {
        if (at_ == log_.bytes) break;
        if (!ReadPiece()) {
          // The line before it comes first.
          if (!record.text.empty()) break;
          SkipPiece();
          record.state = LogRecord::State::kDamaged;
          return true;
        }
      }
      const size_t line = std::min(unread_.find('\n'), unread_.size() - 1) + 1;
      const size_t count = std::min(line, kMaxLine - record.text.size());
      record.text.append(unread_.substr(0, count));
      unread_.remove_prefix(count);
    }
    return !record.text.empty();
  }

 private:
  // From at_ on, within one page, to the end of the buffer or of the log.
  uint64_t PieceBytes() const {
    const uint64_t offset = Offset();
    const uint64_t page = buffer_.size();
    return std::min({page - (log_.buffer + offset) % page, log_.buffer_bytes - offset, log_.bytes - at_});
  }
  uint64_t Offset() const { return (log_.begin + at_) % log_.buffer_bytes; }

  bool ReadPiece() {
    const MutableBytes piece = MutableBytes(buffer_).first(static_cast<size_t>(PieceBytes()));
    if (!log_.memory->Read(log_.buffer + Offset(), piece).ok()) return false;
    unread_ = TextOf(piece);
    at_ += piece.size();
    skipped_on_end_ = 0;
    return true;
  }

  void SkipPiece() {
    at_ += PieceBytes();
    const uint64_t newest = kMaxDamagedOnEnd * buffer_.size();
    if (++skipped_on_end_ == kMaxDamagedOnEnd && log_.bytes > newest) at_ = std::max(at_, log_.bytes - newest);
  }

  const PlainLog log_;
  std::vector<uint8_t> buffer_;  // a page
  std::string_view unread_;      // in buffer_
  uint64_t at_ = 0;              // bytes of the log that have been read into buffer_, or skipped
  uint64_t skipped_on_end_ = 0;  // pieces
};

}  // namespace

Result<LogRecords> OpenPlainLog(const KernelMemory& memory) {
  const PlainLog log = TRY(ReadLog(memory));
  return LogRecords([log] { return std::make_unique<PlainLogWalk>(log); });
}

}  // namespace crashdump
