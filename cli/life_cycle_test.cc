// SPDX-License-Identifier: GPL-2.0-or-later
// Thousands of random lives of a machine, each with many crashes: what must never happen does not.
// CRASHDUMP_LIFE_CYCLES=N runs so many, CRASHDUMP_LIFE_CYCLE_SEED=N begins with this seed.
#include "cli/testing/life_cycle.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "common/base/parse.h"

namespace crashdump {
namespace {

uint64_t NumberFromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = getenv(name);
  return text != nullptr ? ParseNumber(text).TakeValue() : otherwise;
}

TEST(LifeCycleTest, WhatMustNeverHappenDoesNot) {
  const uint64_t first = NumberFromEnvironment("CRASHDUMP_LIFE_CYCLE_SEED", 1);
  const uint64_t count = NumberFromEnvironment("CRASHDUMP_LIFE_CYCLES", 3000);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    LifeCycle life(seed);
    const std::optional<std::string> violation = life.Run();
    if (!violation) continue;
    std::string history;
    for (const std::string& line : life.history()) history += "  " + line + "\n";
    ADD_FAILURE() << *violation << "\nwith CRASHDUMP_LIFE_CYCLE_SEED=" << seed << " CRASHDUMP_LIFE_CYCLES=1, after "
                  << life.history().size() << " actions:\n"
                  << history;
    break;
  }
}

}  // namespace
}  // namespace crashdump
