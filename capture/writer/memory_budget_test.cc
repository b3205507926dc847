// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/memory_budget.h"

#include <gtest/gtest.h>

#include "common/base/units.h"

namespace crashdump {
namespace {

TEST(AvailableMemory, ReadsMeminfo) {
  EXPECT_EQ(AvailableMemory("MemTotal:  100 kB\nMemAvailable:     42 kB\nBuffers: 1 kB\n"), 42 * kKiB);
  EXPECT_EQ(AvailableMemory("MemTotal:  100 kB\n"), 0U);
  EXPECT_EQ(AvailableMemory("MemAvailable: x kB\n"), 0U);
  EXPECT_EQ(AvailableMemory("MemAvailable: 99999999999999999999 kB\n"), 0U);
}

TEST(FittingThreads, UsesHalfOfTheMemoryAndNeverLessThanOneThread) {
  EXPECT_EQ(FittingThreads(8, 40 * kMiB, 4 * kMiB, 2 * kMiB), 8U);
  EXPECT_EQ(FittingThreads(9, 40 * kMiB, 4 * kMiB, 2 * kMiB), 8U);
  EXPECT_EQ(FittingThreads(8, 6 * kMiB, 4 * kMiB, 2 * kMiB), 1U);
  EXPECT_EQ(FittingThreads(8, 0, 4 * kMiB, 2 * kMiB), 8U);
  EXPECT_EQ(FittingThreads(0, 40 * kMiB, 4 * kMiB, 2 * kMiB), 1U);
}

TEST(UsableCpus, IsAtLeastOne) { EXPECT_GE(UsableCpus(), 1U); }

}  // namespace
}  // namespace crashdump
