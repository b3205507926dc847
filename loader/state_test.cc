// SPDX-License-Identifier: GPL-2.0-or-later
// Where state may be kept, who may see it, and the lock.
#include "loader/state.h"

#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/stat.h>

#include "common/testing/fsynced_directory.h"
#include "common/testing/temp_directory.h"
#include "loader/fake_machine.h"
#include "loader/run_program.h"

namespace crashdump {
namespace {

class StateTest : public testing::Test {
 protected:
  StateTest() { machine_.Write("/run/.keep", ""); }

  TempDirectory root_;
  FakeMachine machine_{root_.path()};
};

TEST_F(StateTest, DirectoriesAreForRootOnly) {
  ASSERT_TRUE(DiskState::Open(machine_).ok());
  for (const char* const path : {kStatePath, kKeysPath, kRegionsPath, kRememberedPath, kRunPath}) {
    struct stat status {};
    ASSERT_EQ(stat(machine_.Path(path).c_str(), &status), 0) << path;
    EXPECT_EQ(status.st_mode & 07777U, 0700U) << path;
  }
}

// Also if an interrupted command has made it without.
TEST(DiskStateDirectoryTest, TheDirectoryItselfSurvivesAPowerCut) {
  for (const bool is_there : {false, true}) {
    PowerSwitch power;
    const FsyncedDirectory parent(power);
    const std::string path = parent.path() + "/keys";
    if (is_there) ASSERT_EQ(mkdir(path.c_str(), 0700), 0);
    DiskStateDirectory keys = DiskStateDirectory::Open(path.c_str()).TakeValue();
    ASSERT_TRUE(keys.Replace("a", "text").ok());
    const std::string* const text = parent.DurableFile("keys/a");
    ASSERT_NE(text, nullptr);
    EXPECT_EQ(*text, "text");
  }
}

TEST_F(StateTest, RefusesFilesystemsThatDoNotSurviveAReboot) {
  for (const uint64_t type : {uint64_t{TMPFS_MAGIC}, uint64_t{RAMFS_MAGIC}, uint64_t{OVERLAYFS_SUPER_MAGIC}}) {
    machine_.filesystem_type = type;
    const auto state = DiskState::Open(machine_);
    ASSERT_FALSE(state.ok());
    EXPECT_EQ(state.error().code(), ErrorCode::kRefused);
  }
  struct stat status {};
  EXPECT_NE(stat(machine_.Path(kKeysPath).c_str(), &status), 0) << "nothing is made there";
}

TEST_F(StateTest, TheLockIsTakenAndGivenBack) {
  const DiskState state = DiskState::Open(machine_).TakeValue();
  { EXPECT_TRUE(TakeLock(state.run()).ok()); }
  EXPECT_TRUE(TakeLock(state.run()).ok());
}

TEST_F(StateTest, AProgramThatIsRunHoldsTheLockToo) {
  const DiskState state = DiskState::Open(machine_).TakeValue();
  const UniqueFd lock = TakeLock(state.run()).TakeValue();
  const ProgramRun run = {.path = "/bin/sh",
                          .arguments = {"-c", "readlink /proc/$$/fd/" + std::to_string(lock.get())},
                          .inherited = {},
                          .limit = std::chrono::seconds(20)};
  EXPECT_TRUE(RunProgram(run).value().output.ends_with("/run/crashdump/lock\n"));
}

}  // namespace
}  // namespace crashdump
