// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/printk_log_builder.h"

#include <algorithm>

#include "common/base/result.h"
#include "common/base/units.h"

namespace crashdump::testing {
namespace {

constexpr uint64_t kAlignment = 4;  // of a record, on machines that need no more (LOG_ALIGN)
constexpr uint64_t kNanoseconds = 0;
constexpr uint64_t kCallerId = 16;

}  // namespace

PrintkLogBuilder::PrintkLogBuilder(TargetFormat format, uint64_t virtual_address, uint64_t buffer_bytes, Keys keys)
    : KernelLogBlock(format, virtual_address), keys_(keys), buffer_bytes_(buffer_bytes) {
  // What no record has reached yet is not zero: nobody may take it for a header of length 0.
  memory_.resize(kBuffer + buffer_bytes, 0xa5);
  StoreWord(kBufferPointer, virtual_address + kBuffer);
  Store(kBufferLength, 4, buffer_bytes);
  Store(kFirstIndex, 4, 0);
  Store(kNextIndex, 4, 0);
  Store(kClearIndex, 4, 0);
}

// Behind every record, room for an empty header is left.
bool PrintkLogBuilder::Fits(uint64_t bytes) const {
  const bool wraps = !records_.empty() && next_ <= first_;
  const uint64_t free = wraps ? first_ - next_ : std::max(buffer_bytes_ - next_, first_);
  return free >= bytes + header_bytes();
}

PrintkLogBuilder& PrintkLogBuilder::Add(const Record& record) {
  const uint64_t bytes = AlignUp(header_bytes() + record.text.size() + record.dictionary.size(), kAlignment);
  Require(bytes + header_bytes() <= buffer_bytes_ / 2);
  while (!Fits(bytes)) {
    first_ = records_.front() + Load(HeaderOffset(0) + kLength, 2);
    records_.pop_front();
  }
  if (next_ + bytes + header_bytes() > buffer_bytes_) {
    std::fill_n(memory_.begin() + static_cast<ptrdiff_t>(kBuffer + next_), header_bytes(), 0);
    next_ = 0;
  }
  const uint64_t header = kBuffer + next_;
  std::fill_n(memory_.begin() + static_cast<ptrdiff_t>(header), bytes, 0);
  Store(header + kNanoseconds, 8, record.nanoseconds);
  Store(header + kLength, 2, bytes);
  Store(header + kTextLength, 2, record.text.size());
  Store(header + kDictionaryLength, 2, record.dictionary.size());
  if (keys_ == Keys::kPrintkLogAndCaller) Store(header + kCallerId, 4, record.caller_id);
  const std::string content = record.text + record.dictionary;
  std::copy(content.begin(), content.end(), memory_.begin() + static_cast<ptrdiff_t>(header + header_bytes()));
  records_.push_back(next_);
  next_ += bytes;
  Store(kFirstIndex, 4, first_);
  Store(kNextIndex, 4, next_);
  return *this;
}

void PrintkLogBuilder::AddKeysTo(VmcoreBuilder& vmcore) const {
  AddSymbol(vmcore, "log_buf", kBufferPointer);
  AddSymbol(vmcore, "log_buf_len", kBufferLength);
  AddSymbol(vmcore, "log_first_idx", kFirstIndex);
  AddSymbol(vmcore, "clear_idx", kClearIndex);
  AddSymbol(vmcore, "log_next_idx", kNextIndex);
  if (keys_ == Keys::kNone) return;
  const std::string name = keys_ == Keys::kLog ? "log" : "printk_log";
  AddNumber(vmcore, "SIZE(" + name + ")", header_bytes());
  AddNumber(vmcore, "OFFSET(" + name + ".ts_nsec)", kNanoseconds);
  AddNumber(vmcore, "OFFSET(" + name + ".len)", kLength);
  AddNumber(vmcore, "OFFSET(" + name + ".text_len)", kTextLength);
  AddNumber(vmcore, "OFFSET(" + name + ".dict_len)", kDictionaryLength);
  if (keys_ == Keys::kPrintkLogAndCaller) AddNumber(vmcore, "OFFSET(printk_log.caller_id)", kCallerId);
}

}  // namespace crashdump::testing
