// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/capture_order.h"

#include <gtest/gtest.h>

namespace crashdump {
namespace {

std::string Order(uint64_t level) {
  std::string text;
  for (const PageClassSet& classes : CaptureOrder(DumpLevel::FromNumber(level).TakeValue())) {
    text += (text.empty() ? "" : " ") + classes.ToString();
  }
  return text;
}

TEST(CaptureOrder, TheKernelFirstAndThenWhatTheLevelKeeps) {
  EXPECT_EQ(Order(31), "unclassified,kernel");
  EXPECT_EQ(Order(0), "unclassified,kernel user cache_private cache_clean free");
  EXPECT_EQ(Order(1), Order(0));
  EXPECT_EQ(Order(2), "unclassified,kernel user cache_private free");
  EXPECT_EQ(Order(4), "unclassified,kernel user free");
  EXPECT_EQ(Order(8), "unclassified,kernel cache_private cache_clean free");
  EXPECT_EQ(Order(16), "unclassified,kernel user cache_private cache_clean");
}

TEST(CaptureOrder, EveryKeptClassInOnePass) {
  for (uint64_t number = 0; number <= DumpLevel::kMaximum; ++number) {
    const DumpLevel level = DumpLevel::FromNumber(number).TakeValue();
    for (const PageClass page_class : kAllPageClasses) {
      int passes = 0;
      for (const PageClassSet& classes : CaptureOrder(level)) {
        EXPECT_FALSE(classes.empty());
        passes += classes.Contains(page_class) ? 1 : 0;
      }
      EXPECT_EQ(passes, level.Keeps(page_class) ? 1 : 0);
    }
  }
}

}  // namespace
}  // namespace crashdump
