// SPDX-License-Identifier: GPL-2.0-or-later
// Whatever stands at the beginning of a disk: no crash, and nothing accepted that the kernel would not take. The first
// byte of the input chooses page size and device size.
// Fuzzes: swap_header.cc
#include <algorithm>

#include "common/storage/swap_header.h"
#include "common/testing/fuzzer.h"
#include "common/testing/swap_builder.h"

namespace crashdump {
namespace {

constexpr uint8_t kWithMagic = 0x80;  // where it must be, so that the fuzzer gets past it

void Run(Bytes input) {
  if (input.empty()) return;
  const uint32_t page_size = kSmallestPageSize << (input[0] % 5);
  std::vector<uint8_t> head(input.begin() + 1, input.end());
  if ((input[0] & kWithMagic) != 0) {
    head.resize(std::max<size_t>(head.size(), page_size));
    memcpy(head.data() + page_size - 10, "SWAPSPACE2", 10);
  }
  const uint64_t device_size = uint64_t{1} << (12 + input[0] % 40);
  const Result<SwapHeader> header = ParseSwapHeader(head, device_size, page_size);
  if (header.ok()) {
    Require(header.value().last_page != 0 && header.value().end() <= device_size && header.value().label.size() <= 16 &&
            !FindSuspendSignature(head));
  }
}

std::vector<testing::FuzzerInput> Seeds() {
  constexpr uint8_t k4KiBPages = 20;  // of a device of 4 GiB
  static_assert(k4KiBPages % 5 == 0);
  const SwapBuilder plain = {.last_page = 1000, .label = "swap"};
  const SwapBuilder other = {.last_page = 1000, .bad_pages = {7, 9}, .other_byte_order = true};
  const SwapBuilder suspended = {.last_page = 1000, .magic = "S1SUSPEND"};
  Require(ParseSwapHeader(plain.Build(), 4 * kGiB, 4096).ok());
  return {testing::FuzzerInputOf(k4KiBPages, plain.Build()), testing::FuzzerInputOf(k4KiBPages, other.Build()),
          testing::FuzzerInputOf(k4KiBPages, suspended.Build()),
          testing::FuzzerInputOf(k4KiBPages | kWithMagic, plain.Build()),
          testing::FuzzerInputOf(k4KiBPages + 1, SwapBuilder{.page_size = 8192, .last_page = 1000}.Build())};
}

const testing::Fuzzer fuzzer("swap_header", Run, Seeds);

}  // namespace
}  // namespace crashdump
