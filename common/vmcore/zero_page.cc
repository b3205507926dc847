// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/zero_page.h"

namespace crashdump {

bool IsZeroPage(Bytes page) {
  constexpr size_t kLine = 64;
  for (size_t offset = 0; offset < page.size(); offset += kLine) {
    uint64_t words[kLine / sizeof(uint64_t)];
    memcpy(words, page.data() + offset, kLine);
    uint64_t any = 0;
    for (const uint64_t word : words) any |= word;
    if (any != 0) return false;
  }
  return true;
}

}  // namespace crashdump
