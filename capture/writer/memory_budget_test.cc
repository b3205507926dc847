// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/memory_budget.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "common/base/units.h"

namespace crashdump {
namespace {

TEST(AvailableMemory, ReadsMeminfo) {
  EXPECT_EQ(AvailableMemory("MemTotal:  100 kB\nMemAvailable:     42 kB\nBuffers: 1 kB\n"), 42 * kKiB);
  EXPECT_EQ(AvailableMemory("MemAvailable:     0 kB\n"), 0U);
  EXPECT_EQ(AvailableMemory("MemTotal:  100 kB\n"), std::nullopt);
  EXPECT_EQ(AvailableMemory("MemAvailable: x kB\n"), std::nullopt);
  EXPECT_EQ(AvailableMemory("MemAvailable: 99999999999999999999 kB\n"), std::nullopt);
}

// "THREADS LOWEST-HIGHEST"
std::string Fitting(const PipelineOptions& wanted, std::optional<uint64_t> available) {
  const PipelineOptions fitting = FitIntoMemory(wanted, available);
  return std::to_string(fitting.threads) + " " + std::to_string(fitting.compression.lowest) + "-" +
         std::to_string(fitting.compression.highest);
}

// So much must be available.
uint64_t MemoryFor(unsigned threads, int level) {
  return 2 * CapturePipeline::MemoryBytes({.threads = threads, .compression = level});
}

TEST(FitIntoMemory, LevelsThatMayNeverBeUsedGoFirst) {
  const PipelineOptions wanted = {.threads = 8, .compression = CompressionLevels::Automatic()};
  EXPECT_EQ(Fitting(wanted, std::nullopt), "8 1-6");
  EXPECT_EQ(Fitting(wanted, MemoryFor(8, 6)), "8 1-6");
  EXPECT_EQ(Fitting(wanted, MemoryFor(8, 4)), "8 1-4");
  EXPECT_EQ(Fitting(wanted, MemoryFor(8, 4) - 2), "8 1-3");
  EXPECT_EQ(Fitting(wanted, MemoryFor(7, 1)), "7 1-1");
  EXPECT_EQ(Fitting(wanted, 0), "1 1-1");
}

TEST(FitIntoMemory, TheLevelThatWasAskedForGoesLast) {
  const PipelineOptions wanted = {.threads = 2, .compression = 4};
  EXPECT_EQ(Fitting(wanted, MemoryFor(2, 4)), "2 4-4");
  EXPECT_EQ(Fitting(wanted, MemoryFor(2, 4) - 2), "1 4-4");
  EXPECT_EQ(Fitting(wanted, MemoryFor(1, 3)), "1 3-3");
  EXPECT_EQ(Fitting(wanted, 1), "1 1-1");
  // It is worth it.
  EXPECT_LT(MemoryFor(1, 1), MemoryFor(1, 6) / 2);
}

TEST(UsableCpus, IsAtLeastOne) { EXPECT_GE(UsableCpus(), 1U); }

}  // namespace
}  // namespace crashdump
