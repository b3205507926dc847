// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/freed_memory.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <optional>

namespace crashdump {
namespace {

cpu_set_t Allowed() {
  cpu_set_t processors;
  CPU_ZERO(&processors);
  EXPECT_EQ(0, sched_getaffinity(0, sizeof(processors), &processors));
  return processors;
}

TEST(FreedMemory, StaysOnOneProcessorUntilItGoes) {
  const cpu_set_t before = Allowed();
  std::optional<FreedMemory> freed(std::in_place);
  const cpu_set_t bound = Allowed();
  EXPECT_EQ(1, CPU_COUNT(&bound));
  EXPECT_TRUE(CPU_ISSET(sched_getcpu(), &bound));
  freed.reset();
  const cpu_set_t after = Allowed();
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

// That it is the freed pages which are overwritten shows in a machine: qemu-tests/test_secrets.py.
TEST(FreedMemory, OverwritesWithoutWaiting) {
  const FreedMemory freed;
  freed.Overwrite(100'000);
  freed.Overwrite(3 * kMiB);
  freed.Overwrite(~uint64_t{0});
}

}  // namespace
}  // namespace crashdump
