// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/swap_builder.h"

#include <algorithm>
#include <cstring>

namespace crashdump {
namespace {

constexpr size_t kVersionOffset = 1024;
constexpr size_t kLastPageOffset = 1028;
constexpr size_t kBadPageCountOffset = 1032;
constexpr size_t kUuidOffset = 1036;
constexpr size_t kLabelOffset = 1052;
constexpr size_t kLabelBytes = 16;
constexpr size_t kBadPagesOffset = 1536;
constexpr size_t kMagicBytes = 10;

}  // namespace

std::vector<uint8_t> SwapBuilder::Build() const {
  std::vector<uint8_t> page(page_size);
  const auto put = [&page, this](size_t offset, uint32_t word) {
    if (other_byte_order) word = __builtin_bswap32(word);
    memcpy(page.data() + offset, &word, sizeof(word));
  };
  put(kVersionOffset, version);
  put(kLastPageOffset, last_page);
  put(kBadPageCountOffset, static_cast<uint32_t>(bad_pages.size()));
  for (size_t i = 0; i < bad_pages.size(); ++i) put(kBadPagesOffset + 4 * i, bad_pages[i]);
  memcpy(page.data() + kUuidOffset, uuid.data(), uuid.size());
  memcpy(page.data() + kLabelOffset, label.data(), std::min(label.size(), kLabelBytes));
  memcpy(page.data() + page_size - kMagicBytes, magic.data(), std::min(magic.size(), kMagicBytes));
  return page;
}

uint32_t SwapBuilder::WriteTo(FakeBlockDevice& device) const {
  SwapBuilder whole = *this;
  if (whole.last_page == 0) whole.last_page = static_cast<uint32_t>(device.size() / page_size - 1);
  device.Poke(0, whole.Build());
  return whole.last_page;
}

}  // namespace crashdump
