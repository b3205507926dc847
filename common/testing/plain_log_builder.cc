// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/plain_log_builder.h"

#include <algorithm>

namespace crashdump::testing {

PlainLogBuilder::PlainLogBuilder(TargetFormat format, uint64_t virtual_address, uint64_t buffer_bytes)
    : KernelLogBlock(format, virtual_address), buffer_bytes_(buffer_bytes) {
  memory_.resize(kBuffer + buffer_bytes);
  StoreWord(kBufferPointer, virtual_address + kBuffer);
  Store(kBufferLength, 4, buffer_bytes);
}

PlainLogBuilder& PlainLogBuilder::Add(std::string_view text) {
  for (const char character : text) memory_[kBuffer + end_++ % buffer_bytes_] = static_cast<uint8_t>(character);
  Store(kEnd, 4, end_);
  Store(kLoggedChars, 4, std::min(end_, buffer_bytes_));
  return *this;
}

void PlainLogBuilder::AddKeysTo(VmcoreBuilder& vmcore) const {
  AddSymbol(vmcore, "log_buf", kBufferPointer);
  AddSymbol(vmcore, "log_end", kEnd);
  AddSymbol(vmcore, "log_buf_len", kBufferLength);
  AddSymbol(vmcore, "logged_chars", kLoggedChars);
}

}  // namespace crashdump::testing
