// SPDX-License-Identifier: GPL-2.0-or-later
// Which programs are run for which dumps, with what, and what becomes of one that fails.
#include "cli/recovered_hooks.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/io.h"
#include "common/base/units.h"
#include "common/testing/temp_directory.h"
#include "recover/dump_files.h"
#include "recover/dump_info.h"

namespace crashdump {
namespace {

using Lines = std::vector<std::string>;
constexpr const char* kFirst = "20251122235901-0123456789ab";
constexpr const char* kSecond = "20261122235901-0123456789ab";

class RecoveredHooksTest : public ::testing::Test {
 protected:
  void AddDump(const std::string& name, VmcoreFile vmcore = VmcoreFile::kPresent) const {
    const DumpInfo info{.attempt_id = "ab", .state = "complete", .vmcore = vmcore};
    crash_.WriteFile("kernel/dumps/" + name + "/info.json", info.ToJson());
    crash_.WriteFile("kernel/dumps/" + name + "/" + kUnannouncedName, "");
  }
  std::string PathOf(const std::string& name) const { return crash_.Path("kernel/dumps/" + name); }
  void AddHook(const std::string& name, const std::string& text, mode_t mode = 0755) const {
    const std::string path = etc_.WriteFile("recovered.d/" + name, "#!/bin/sh\n" + text + "\n");
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
  }
  // One that writes down that it was run.
  void AddWitness(const std::string& name, mode_t mode = 0755) const {
    AddHook(name, "echo \"" + name + " $# $1\" >>" + Log(), mode);
  }
  std::string Log() const { return etc_.Path("log"); }
  std::string Logged() const {
    const Result<std::string> text = ReadTextFile(Log().c_str(), kMiB);
    return text.ok() ? text.value() : "";
  }
  Lines Announce(std::chrono::milliseconds limit = std::chrono::seconds(20)) const {
    return AnnounceDumps(crash_.path(), {.directory = etc_.Path("recovered.d"), .limit = limit}).TakeValue();
  }

  const TempDirectory crash_;
  const TempDirectory etc_;
};

TEST_F(RecoveredHooksTest, EachHookOnceForEachDumpInOrder) {
  AddWitness("b");
  AddWitness("a");
  AddWitness("B-2_x");
  AddDump(kSecond);
  AddDump(kFirst);
  EXPECT_EQ(Announce(), Lines());
  std::string expected;
  for (const char* dump : {kFirst, kSecond}) {
    for (const char* hook : {"B-2_x", "a", "b"}) expected += std::string(hook) + " 1 " + PathOf(dump) + "\n";
  }
  EXPECT_EQ(Logged(), expected);
  EXPECT_EQ(Announce(), Lines());
  EXPECT_EQ(Logged(), expected);
  // The next crash.
  AddDump("20271122235901-0123456789ab");
  EXPECT_EQ(Announce(), Lines());
  EXPECT_GT(Logged().size(), expected.size());
}

TEST_F(RecoveredHooksTest, WhatAHookIsTold) {
  AddHook("hook", "{ env; cat; pwd; } >" + Log());
  ASSERT_EQ(setenv("CRASHDUMP_TEST_SECRET", "secret", 1), 0);  // NOLINT(concurrency-mt-unsafe)
  for (const auto& [vmcore, text] :
       {std::pair{VmcoreFile::kPresent, "present"}, std::pair{VmcoreFile::kPending, "pending"},
        std::pair{VmcoreFile::kNone, "none"}}) {
    AddDump(kFirst, vmcore);
    EXPECT_EQ(Announce(), Lines());
    const std::string environment = Logged();
    EXPECT_NE(environment.find(std::string("CRASHDUMP_ID=") + kFirst + "\n"), std::string::npos) << environment;
    EXPECT_NE(environment.find(std::string("CRASHDUMP_VMCORE=") + text + "\n"), std::string::npos) << environment;
    EXPECT_NE(environment.find("PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"), std::string::npos) << environment;
    EXPECT_EQ(environment.find("secret"), std::string::npos) << environment;
  }
}

TEST_F(RecoveredHooksTest, OneThatFailsIsALineAndKeepsNoOtherBack) {
  AddHook("a", "echo no route to host >&2; echo more; exit 3");
  AddWitness("b");
  AddDump(kFirst);
  EXPECT_EQ(Announce(),
            Lines{etc_.Path("recovered.d/a") + ", for " + kFirst + ": ended with status 3: no route to host"});
  EXPECT_EQ(Logged(), std::string("b 1 ") + PathOf(kFirst) + "\n");
  EXPECT_EQ(Announce(), Lines());
}

TEST_F(RecoveredHooksTest, OneThatHangsIsKilledWithAllThatItHasStarted) {
  AddHook("a", "sleep 1000 & echo $! >" + Log() + "; wait");
  AddDump(kFirst);
  const Lines lines = Announce(std::chrono::milliseconds(500));
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("did not end within"), std::string::npos) << lines[0];
  // Killed, and perhaps not yet collected.
  const std::string path = "/proc/" + Logged().substr(0, Logged().find('\n')) + "/cmdline";
  const Result<std::string> command = ReadTextFile(path.c_str(), kMiB);
  EXPECT_TRUE(!command.ok() || command.value().empty()) << command.value();
}

TEST_F(RecoveredHooksTest, OnlyWhatRootAloneCanChange) {
  AddWitness("group", 0775);
  AddWitness("others", 0757);
  AddWitness("off", 0644);
  AddWitness("editor~");
  AddWitness("old.dpkg-old");
  AddWitness(".hidden");
  etc_.MakeDirectory("recovered.d/directory");
  etc_.MakeSymlink("recovered.d/link", "/bin/true");
  AddDump(kFirst);
  const std::string hooks = etc_.Path("recovered.d/");
  EXPECT_EQ(Announce(), (Lines{hooks + "directory: is no regular file, and not run",
                               hooks + "group: others than root can write to it, and it is not run",
                               hooks + "link: is no regular file, and not run",
                               hooks + "others: others than root can write to it, and it is not run"}));
  EXPECT_EQ(Logged(), "");
}

TEST_F(RecoveredHooksTest, ADirectoryThatOthersCanWriteToHasNone) {
  AddWitness("a");
  ASSERT_EQ(chmod(etc_.Path("recovered.d").c_str(), 0777), 0);
  AddDump(kFirst);
  EXPECT_EQ(Announce(), Lines{etc_.Path("recovered.d") + ": others than root can write there: no hook is run"});
  EXPECT_EQ(Logged(), "");
}

TEST_F(RecoveredHooksTest, SomebodyElsesHookIsNotRun) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  AddWitness("a");
  ASSERT_EQ(chown(etc_.Path("recovered.d/a").c_str(), 65534, 65534), 0);
  AddDump(kFirst);
  EXPECT_EQ(Announce().size(), 1U);
  EXPECT_EQ(Logged(), "");
}

// A hook that is installed later is for later dumps.
TEST_F(RecoveredHooksTest, WithoutHooksADumpIsToldNobodyAndNotLater) {
  AddDump(kFirst);
  EXPECT_EQ(Announce(), Lines());
  AddWitness("a");
  EXPECT_EQ(Announce(), Lines());
  EXPECT_EQ(Logged(), "");
}

TEST_F(RecoveredHooksTest, WhatIsNoDumpIsNotTold) {
  AddWitness("a");
  EXPECT_EQ(Announce(), Lines());
  AddDump(std::string(kFirst) + ".foreign-00");
  AddDump(".incoming-" + std::string(kFirst));
  AddDump(kSecond);
  crash_.WriteFile("kernel/dumps/" + std::string(kSecond) + "/info.json", "{}");
  EXPECT_EQ(Announce(), Lines());
  EXPECT_EQ(Logged(), "");
}

TEST_F(RecoveredHooksTest, AHookMayRemoveTheDump) {
  AddHook("a", "rm -r \"$1\"");
  AddWitness("b");
  AddDump(kFirst);
  EXPECT_EQ(Announce(), Lines());
  EXPECT_NE(access(PathOf(kFirst).c_str(), F_OK), 0);
}

}  // namespace
}  // namespace crashdump
