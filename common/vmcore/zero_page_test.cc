// SPDX-License-Identifier: GPL-2.0-or-later
// IsZeroPage finds a bit wherever it is.
#include "common/vmcore/zero_page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace crashdump {
namespace {

TEST(IsZeroPage, OneBitAnywhere) {
  std::vector<uint8_t> page(4096);
  EXPECT_TRUE(IsZeroPage(page));
  for (size_t i = 0; i < page.size(); ++i) {
    page[i] = static_cast<uint8_t>(1U << i % 8);
    EXPECT_FALSE(IsZeroPage(page)) << i;
    page[i] = 0;
  }
}

TEST(IsZeroPage, DoesNotLookBeyond) {
  std::vector<uint8_t> memory(192, 0xff);
  std::fill(memory.begin() + 64, memory.begin() + 128, uint8_t{0});
  EXPECT_TRUE(IsZeroPage(Bytes(memory).subspan(64, 64)));
  EXPECT_TRUE(IsZeroPage({}));
}

}  // namespace
}  // namespace crashdump
