// SPDX-License-Identifier: GPL-2.0-or-later
// System facts: the texts of proc and fstab, as the kernel and people write them.
#include "loader/system_facts.h"

#include <gtest/gtest.h>
#include <sys/swap.h>

#include "common/testing/temp_directory.h"
#include "loader/fake_machine.h"

namespace crashdump {
namespace {

TEST(MemoryInfo, FindsExactlyTheNamedLine) {
  constexpr std::string_view kText = "MemTotal:       2048 kB\nMemAvailable:   1000 kB\nSwapTotal: 7 kB\n";
  EXPECT_EQ(MemoryInfo(kText, "MemTotal").value(), 2048 * kKiB);
  EXPECT_EQ(MemoryInfo(kText, "MemAvailable").value(), 1000 * kKiB);
  EXPECT_EQ(MemoryInfo(kText, "Mem").error().code(), ErrorCode::kNotFound);
}

constexpr std::string_view kSwaps =
    "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
    "/dev/vda2                               partition\t1048572\t\t300\t\t-2\n"
    "/swap\\040file                           file\t\t65532\t\t0\t\t10\n";

TEST(ParseSwaps, TakesDevicesAndFiles) {
  const auto swaps = ParseSwaps(kSwaps);
  ASSERT_TRUE(swaps.ok()) << swaps.error().text();
  ASSERT_EQ(swaps.value().size(), 2u);
  EXPECT_EQ(swaps.value()[0].path, "/dev/vda2");
  EXPECT_FALSE(swaps.value()[0].is_file);
  EXPECT_EQ(swaps.value()[0].used, 300 * kKiB);
  EXPECT_EQ(swaps.value()[0].priority, -2);
  EXPECT_EQ(swaps.value()[1].path, "/swap file");
  EXPECT_TRUE(swaps.value()[1].is_file);
  EXPECT_EQ(swaps.value()[1].priority, 10);
}

TEST(ParseSwaps, RefusesWhatItDoesNotUnderstand) {
  EXPECT_FALSE(ParseSwaps("Filename\n/dev/vda2 partition 1 2\n").ok());
  EXPECT_FALSE(ParseSwaps("Filename\n/dev/vda2 partition 1 many 2\n").ok());
}

TEST(ParseFstabSwaps, TakesSwapLinesOnly) {
  const auto entries = ParseFstabSwaps(
      "# /etc/fstab\nUUID=1 / ext4 defaults 0 1\nUUID=2 none swap sw,pri=5,discard=once 0 0\n/swapfile none swap\n");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].source, "UUID=2");
  EXPECT_EQ(entries[0].options, "sw,pri=5,discard=once");
  EXPECT_EQ(entries[1].source, "/swapfile");
}

TEST(SwapOnFlags, KeepPriorityAndDiscardPolicy) {
  ActiveSwap swap;
  swap.priority = -2;
  EXPECT_EQ(SwapOnFlags(swap, "sw"), 0) << "the kernel chose the priority, and chooses again";
  swap.priority = 0;
  EXPECT_EQ(SwapOnFlags(swap, ""), SWAP_FLAG_PREFER);
  swap.priority = 10;
  EXPECT_EQ(SwapOnFlags(swap, "sw"), SWAP_FLAG_PREFER | 10);
  EXPECT_EQ(SwapOnFlags(swap, "sw,discard"), SWAP_FLAG_PREFER | 10 | 0x10000);
  EXPECT_EQ(SwapOnFlags(swap, "discard=once,sw"), SWAP_FLAG_PREFER | 10 | 0x30000);
  EXPECT_EQ(SwapOnFlags(swap, "discard=pages"), SWAP_FLAG_PREFER | 10 | 0x50000);
}

TEST(SplitCommandLine, KeepsQuotedBlanks) {
  EXPECT_EQ(SplitCommandLine("a  b=\"c d\" e\n"), (std::vector<std::string>{"a", "b=\"c d\"", "e"}));
  EXPECT_TRUE(SplitCommandLine(" \n").empty());
}

TEST(KernelFacts, AreReadBelowTheRoot) {
  const TempDirectory root;
  FakeMachine machine(root.path());
  EXPECT_EQ(BootId(machine).value(), "11111111-2222-3333-4444-555555555555");
  EXPECT_EQ(CrashReservation(machine).value(), 128 * kMiB);
  EXPECT_FALSE(IsCrashKernelLoaded(machine).value());
  machine.Write(kCrashLoadedPath, "1\n");
  EXPECT_TRUE(IsCrashKernelLoaded(machine).value());
}

}  // namespace
}  // namespace crashdump
