// SPDX-License-Identifier: GPL-2.0-or-later
// Whatever stands at the beginning of a disk: no crash, and nothing accepted that the kernel would not take.
#include <algorithm>

#include "common/storage/swap_header.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace crashdump;  // NOLINT(google-build-using-namespace)
  if (size == 0) return 0;
  const uint32_t page_size = kSmallestPageSize << (data[0] % 5);
  // A magic where it must be, so that the fuzzer gets past it.
  std::vector<uint8_t> head(data + 1, data + size);
  if ((data[0] & 0x80) != 0) {
    head.resize(std::max<size_t>(head.size(), page_size));
    memcpy(head.data() + page_size - 10, "SWAPSPACE2", 10);
  }
  const uint64_t device_size = uint64_t{1} << (12 + data[0] % 40);
  const Result<SwapHeader> header = ParseSwapHeader(head, device_size, page_size);
  if (header.ok()) {
    Require(header.value().last_page != 0 && header.value().end() <= device_size && header.value().label.size() <= 16 &&
            !FindSuspendSignature(head));
  }
  return 0;
}
