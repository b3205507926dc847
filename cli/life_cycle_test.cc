// SPDX-License-Identifier: GPL-2.0-or-later
// Thousands of random lives of a machine, each with many crashes: what must never happen does not.
// CRASHDUMP_LIFE_CYCLES=N runs so many, CRASHDUMP_LIFE_CYCLE_SEED=N begins with this seed.
#include "cli/testing/life_cycle.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "common/base/parse.h"

namespace crashdump {
namespace {

constexpr uint64_t kLives = 2000;

uint64_t NumberFromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = getenv(name);
  return text != nullptr ? ParseNumber(text).TakeValue() : otherwise;
}

TEST(LifeCycleTest, WhatMustNeverHappenDoesNot) {
  const uint64_t first = NumberFromEnvironment("CRASHDUMP_LIFE_CYCLE_SEED", 1);
  const uint64_t count = NumberFromEnvironment("CRASHDUMP_LIFE_CYCLES", kLives);
  DumpLedger::Counts seen;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    LifeCycle life(seed);
    const std::optional<std::string> violation = life.Run();
    for (const DumpLedger::Counts& counts : {life.counts(), life.endings()}) {
      for (const auto& [name, number] : counts) seen[name] += number;
    }
    if (!violation) continue;
    std::string history;
    for (const std::string& line : life.history()) history += "  " + line + "\n";
    FAIL() << *violation << "\nwith CRASHDUMP_LIFE_CYCLE_SEED=" << seed << " CRASHDUMP_LIFE_CYCLES=1:\n" << history;
  }
  for (const auto& [name, number] : seen) RecordProperty(name, static_cast<int>(number));
  if (count < kLives) return;
  // Lives in which nothing happens would prove nothing.
  for (const char* const dumps :
       {"complete", "messages safe, no more", "messages not safe", "messages only", "second attempt", "capture refused",
        "two dumps waiting", "hurt by swap", "forfeited", "published without room", "published", "removed"}) {
    EXPECT_GT(seen[dumps], kLives / 1000) << dumps;
  }
  for (const char* const command : {"prepare", "adopt", "undo", "load", "recover"}) {
    for (const char* const ending : {"done", "failed", "killed", "panic", "power cut"}) {
      const std::string name = std::string(command) + ": " + ending;
      EXPECT_GT(seen[name], kLives / 1000) << name;
    }
  }
}

}  // namespace
}  // namespace crashdump
