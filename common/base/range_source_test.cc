// SPDX-License-Identifier: GPL-2.0-or-later
// RangeSource: offsets are the range's own, and nothing outside it can be read.
#include "common/base/range_source.h"

#include <gtest/gtest.h>

#include <array>

namespace crashdump {
namespace {

constexpr std::array<uint8_t, 8> kData{0, 1, 2, 3, 4, 5, 6, 7};

TEST(RangeSource, ReadsFromItsOwnBeginning) {
  const MemorySource memory(kData);
  const RangeSource range(memory, {2, 6});
  EXPECT_EQ(range.size(), 4u);
  std::array<uint8_t, 4> out{};
  ASSERT_TRUE(range.ReadAt(0, out).ok());
  EXPECT_EQ(out[0], 2);
  EXPECT_EQ(out[3], 5);
}

TEST(RangeSource, RefusesToReadPastItsEnd) {
  const MemorySource memory(kData);
  const RangeSource range(memory, {2, 6});
  std::array<uint8_t, 2> out{};
  EXPECT_EQ(range.ReadAt(3, out).error().code(), ErrorCode::kTruncated);
  EXPECT_EQ(range.ReadAt(UINT64_MAX, out).error().code(), ErrorCode::kTruncated);
}

TEST(RangeSource, IsCutOffAtTheEndOfItsSource) {
  const MemorySource memory(kData);
  EXPECT_EQ(RangeSource(memory, {6, 100}).size(), 2u);
  EXPECT_EQ(RangeSource(memory, {50, 100}).size(), 0u);
}

}  // namespace
}  // namespace crashdump
