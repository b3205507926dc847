// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/dump_list.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/testing/temp_directory.h"

namespace crashdump {
namespace {

TEST(DumpList, OldestFirstWithWhatCannotBeRead) {
  const TempDirectory crash;
  const DumpInfo info{.attempt_id = "ab", .release = "6.1", .machine = "x86_64", .state = "complete"};
  crash.WriteFile("kernel/dumps/20261122-b/info.json", info.ToJson());
  crash.WriteFile("kernel/dumps/20251122-a/info.json", "{}");
  crash.WriteFile("kernel/dumps/20271122-c/dmesg.txt", "no info");
  crash.WriteFile("kernel/dumps/file", "no directory");
  crash.WriteFile("kernel/dumps/.incoming-x/info.json", info.ToJson());
  crash.MakeSymlink("kernel/dumps/link", "20261122-b");
  const std::vector<ListedDump> dumps = ListDumps(crash.path()).TakeValue();
  std::vector<std::string> names;
  names.reserve(dumps.size());
  for (const ListedDump& dump : dumps) names.push_back(dump.name + (dump.info.ok() ? "" : "!"));
  EXPECT_EQ(names, (std::vector<std::string>{"20251122-a!", "20261122-b", "20271122-c!", "file!", "link!"}));
  EXPECT_EQ(dumps[1].info.value().release, "6.1");
}

TEST(DumpList, NamesOfDumps) {
  for (const char* good : {"20261122235901-0123456789ab", "120261122235901-0123456789ab"}) {
    EXPECT_TRUE(IsDumpName(good)) << good;
  }
  for (const char* bad : {"", "-0123456789ab", "2026112223590-0123456789ab", "20261122235901-0123456789aB",
                          "20261122235901_0123456789ab", "20261122235901-0123456789ab.foreign-00",
                          ".incoming-20261122235901-0123456789ab", "2026112223590x-0123456789ab"}) {
    EXPECT_FALSE(IsDumpName(bad)) << bad;
  }
}

TEST(DumpList, ADumpIsFoundByTheBeginningOfItsName) {
  const std::string first = "20251122235901-0123456789ab";
  const std::string second = "20261122235901-0123456789ab";
  const std::vector<ListedDump> dumps = {
      {first, DumpInfo()}, {second, DumpInfo()}, {second + ".foreign-00", DumpInfo()}};
  EXPECT_EQ(FindDump(dumps, first).value(), first);
  EXPECT_EQ(FindDump(dumps, second).value(), second);
  EXPECT_EQ(FindDump(dumps, "2025").value(), first);
  EXPECT_EQ(FindDump(dumps, "latest").value(), second);
  EXPECT_EQ(FindDump(dumps, "20").error().code(), ErrorCode::kInvalidArgument);
  for (const char* none : {"", "2027", "0123456789ab", "20261122235901-0123456789ab."}) {
    EXPECT_EQ(FindDump(dumps, none).error().code(), ErrorCode::kNotFound) << none;
  }
  EXPECT_EQ(FindDump({}, "latest").error().code(), ErrorCode::kNotFound);
}

TEST(DumpList, NoDirectoryIsNoDumps) {
  const TempDirectory crash;
  EXPECT_TRUE(ListDumps(crash.Path("missing")).value().empty());
  crash.WriteFile("kernel/dumps", "a file");
  const auto refused = ListDumps(crash.path());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(std::string(refused.error().text()),
            crash.Path("kernel") + ": dumps is no directory: somebody else has put it there");
}

TEST(DumpList, WhatSomebodyElseHasMadeIsNotLookedInto) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const TempDirectory crash;
  crash.WriteFile("kernel/dumps/20261122-b/info.json", "{}");
  // Whoever opens it for reading waits for ever.
  ASSERT_EQ(mkfifo(crash.Path("kernel/dumps/fifo").c_str(), 0600), 0);
  ASSERT_EQ(chown(crash.Path("kernel").c_str(), 65534, 65534), 0);
  const auto refused = ListDumps(crash.path());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(std::string(refused.error().text()),
            crash.path() + ": kernel belongs to user 65534, not to the one that asks");
}

}  // namespace
}  // namespace crashdump
