// SPDX-License-Identifier: GPL-2.0-or-later
// Dump levels keep what makedumpfile's table says.
#include "common/vmcore/page_class.h"

#include <gtest/gtest.h>

#include <vector>

namespace crashdump {
namespace {

DumpLevel Level(uint64_t number) { return DumpLevel::FromNumber(number).TakeValue(); }

TEST(DumpLevel, Numbers) {
  EXPECT_EQ(Level(31).number(), 31U);
  EXPECT_STREQ(DumpLevel::FromNumber(32).error().text(), "dump level 32 is not one of 0 to 31");
  EXPECT_FALSE(Level(30).drops_zero_pages());
  EXPECT_TRUE(Level(1).drops_zero_pages());
}

TEST(DumpLevel, KeepsByBit) {
  for (uint32_t bits = 0; bits <= DumpLevel::kMaximum; ++bits) {
    const DumpLevel level = Level(bits);
    EXPECT_TRUE(level.Keeps(PageClass::kUnclassified));
    EXPECT_TRUE(level.Keeps(PageClass::kKernel));
    EXPECT_EQ(level.Keeps(PageClass::kCacheClean), (bits & 6) == 0);
    EXPECT_EQ(level.Keeps(PageClass::kCachePrivate), (bits & 4) == 0);
    EXPECT_EQ(level.Keeps(PageClass::kUser), (bits & 8) == 0);
    EXPECT_EQ(level.Keeps(PageClass::kFree), (bits & 16) == 0);
    EXPECT_FALSE(level.Keeps(PageClass::kNeverRead));
  }
}

TEST(KeepEveryPage, IsKeptAtTheHighestLevel) {
  KeepEveryPage classifier;
  std::vector<PageClass> classes(100, PageClass::kFree);
  OpenBlock open;
  classifier.Classify({50, 150}, open, classes);
  for (const PageClass page_class : classes) EXPECT_TRUE(Level(31).Keeps(page_class));
}

}  // namespace
}  // namespace crashdump
