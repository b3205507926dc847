// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/memory_budget.h"

#include <gtest/gtest.h>

#include <string>

#include "common/base/units.h"

namespace crashdump {
namespace {

TEST(AvailableMemory, ReadsMeminfo) {
  EXPECT_EQ(AvailableMemory("MemTotal:  100 kB\nMemAvailable:     42 kB\nBuffers: 1 kB\n"), 42 * kKiB);
  EXPECT_EQ(AvailableMemory("MemTotal:  100 kB\n"), 0U);
  EXPECT_EQ(AvailableMemory("MemAvailable: x kB\n"), 0U);
  EXPECT_EQ(AvailableMemory("MemAvailable: 99999999999999999999 kB\n"), 0U);
}

// "THREADS LOWEST-HIGHEST"
std::string Fitting(PipelineOptions wanted, uint64_t available) {
  const PipelineOptions fitting = FitIntoMemory(wanted, available);
  return std::to_string(fitting.threads) + " " + std::to_string(fitting.compression.lowest) + "-" +
         std::to_string(fitting.compression.highest);
}

TEST(FitIntoMemory, UsesHalfOfTheMemory) {
  const PipelineOptions wanted = {.threads = 8, .compression = CompressionLevels::Automatic()};
  const uint64_t needed = CapturePipeline::MemoryBytes(wanted);
  EXPECT_EQ(Fitting(wanted, 2 * needed), "8 1-6");
  EXPECT_EQ(Fitting(wanted, 2 * needed - 2), "7 1-6");
  EXPECT_EQ(Fitting(wanted, 0), "8 1-6");
}

TEST(FitIntoMemory, LowersLevelsWhereOneThreadIsTooMuch) {
  const PipelineOptions wanted = {.threads = 2, .compression = CompressionLevels::Automatic()};
  const auto memory_for = [](int level) {
    return 2 * CapturePipeline::MemoryBytes({.threads = 1, .compression = level});
  };
  EXPECT_EQ(Fitting(wanted, memory_for(6)), "1 1-6");
  EXPECT_EQ(Fitting(wanted, memory_for(4)), "1 1-4");
  EXPECT_EQ(Fitting(wanted, memory_for(4) - 2), "1 1-3");
  EXPECT_EQ(Fitting(wanted, 1), "1 1-1");
  EXPECT_EQ(Fitting({.threads = 1, .compression = 19}, memory_for(3)), "1 3-3");
  // It is worth it.
  EXPECT_LT(memory_for(1), memory_for(6) / 2);
}

TEST(UsableCpus, IsAtLeastOne) { EXPECT_GE(UsableCpus(), 1U); }

}  // namespace
}  // namespace crashdump
