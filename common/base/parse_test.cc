// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/base/parse.h"

#include <gtest/gtest.h>

#include <array>

#include "common/base/units.h"

namespace crashdump {
namespace {

TEST(ParseTest, Numbers) {
  EXPECT_EQ(ParseNumber("18446744073709551615").value(), UINT64_MAX);
  for (const char* text : {"", "12x", "-1", "+1", " 1", "0x10", "18446744073709551616"}) {
    EXPECT_FALSE(ParseNumber(text).ok()) << text;
  }
  EXPECT_STREQ(ParseNumber("12x").error().text(), "\"12x\" is not a number");
  EXPECT_EQ(ParseHexNumber("ffffffff81000000").value(), 0xffffffff81000000U);
  EXPECT_FALSE(ParseHexNumber("0x1").ok());
}

TEST(ParseTest, Sizes) {
  EXPECT_EQ(ParseSize("4096").value(), 4096U);
  EXPECT_EQ(ParseSize("64K").value(), 64 * kKiB);
  EXPECT_EQ(ParseSize("64k").value(), 64 * kKiB);
  EXPECT_EQ(ParseSize("512MiB").value(), 512 * kMiB);
  EXPECT_EQ(ParseSize("2G").value(), 2 * kGiB);
  EXPECT_EQ(ParseSize("3TB").value(), 3072 * kGiB);
  for (const char* text : {"", "M", "1.5G", "1X", "1Mi", "1MiBs", "-1M", "99999999999999T"}) {
    EXPECT_FALSE(ParseSize(text).ok()) << text;
  }
}

TEST(ParseTest, Hexadecimal) {
  std::array<uint8_t, 3> bytes{};
  ASSERT_TRUE(ParseHex("00fFa1", bytes).ok());
  EXPECT_EQ(ToHex(bytes), "00ffa1");
  EXPECT_FALSE(ParseHex("00ff", bytes).ok());
  EXPECT_FALSE(ParseHex("00ffg1", bytes).ok());
}

TEST(ParseTest, SizesForPeople) {
  EXPECT_EQ(FormatSize(17), "17 bytes");
  EXPECT_EQ(FormatSize(kKiB), "1.0 KiB");
  EXPECT_EQ(FormatSize(1536 * kMiB), "1.5 GiB");
  EXPECT_EQ(FormatSize(312 * kMiB), "312 MiB");
  EXPECT_EQ(FormatSize(5000 * kGiB), "4.8 TiB");
}

TEST(ParseTest, TrimsOnlyTheEnds) {
  EXPECT_EQ(TrimSpace("  a b\t\n"), "a b");
  EXPECT_EQ(TrimSpace(" \n"), "");
}

}  // namespace
}  // namespace crashdump
