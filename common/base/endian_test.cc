// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/base/endian.h"

#include <gtest/gtest.h>

#include <vector>

#include "common/base/byte_reader.h"
#include "common/base/bytes.h"
#include "common/base/units.h"

namespace crashdump {
namespace {

struct Example {
  uint8_t kind;
  le64 value;
  le16 tail;
};
static_assert(sizeof(Example) == 11);

TEST(EndianTest, BytesAreLittleEndianAndUnpadded) {
  const Example example{.kind = 1, .value = 0x0102030405060708, .tail = 0xa0b0};
  const std::vector<uint8_t> expected{1, 8, 7, 6, 5, 4, 3, 2, 1, 0xb0, 0xa0};
  EXPECT_TRUE(Equal(BytesOf(example), expected));
  EXPECT_EQ(example.value, 0x0102030405060708U);
}

TEST(ByteReaderTest, TakesObjectsAndSaysWhereItEnds) {
  const std::vector<uint8_t> bytes{1, 2, 0, 3, 0, 0, 0};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.Take(1).value()[0], 1);
  EXPECT_EQ(reader.TakeObject<le16>().value(), 2);
  EXPECT_EQ(reader.TakeObject<le32>().value(), 3U);
  EXPECT_STREQ(reader.Take(1).error().text(), "offset 7: needs 1 bytes, has 0");
}

TEST(BytesTest, AllZeroLooksAtEveryByte) {
  std::vector<uint8_t> bytes(4096);
  EXPECT_TRUE(AllZero(bytes));
  for (const size_t position : {size_t{0}, size_t{1}, size_t{2048}, size_t{4095}}) {
    bytes[position] = 1;
    EXPECT_FALSE(AllZero(bytes)) << position;
    bytes[position] = 0;
  }
  EXPECT_TRUE(AllZero({}));
}

TEST(UnitsTest, RangesAreHalfOpen) {
  const Range range{10, 20};
  EXPECT_TRUE(range.Contains(10));
  EXPECT_FALSE(range.Contains(20));
  EXPECT_TRUE(range.Overlaps({19, 30}));
  EXPECT_FALSE(range.Overlaps({20, 30}));
  EXPECT_TRUE(range.Contains(Range{10, 20}));
  EXPECT_FALSE(range.Contains(Range{10, 21}));
}

TEST(UnitsTest, CheckedArithmetic) {
  EXPECT_FALSE(CheckedAdd(UINT64_MAX, 1).has_value());
  EXPECT_EQ(CheckedAdd(1, 2), 3U);
  EXPECT_FALSE(CheckedMultiply(UINT64_MAX / 2, 3).has_value());
  EXPECT_EQ(AlignUp(4097, 4096), 8192U);
  EXPECT_EQ(AlignDown(4097, 4096), 4096U);
}

}  // namespace
}  // namespace crashdump
