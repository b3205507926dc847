// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/private_directory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "common/base/io.h"
#include "common/testing/fsynced_directory.h"
#include "common/testing/temp_directory.h"

namespace crashdump {
namespace {

class PrivateDirectoryTest : public ::testing::Test {
 protected:
  void SetUp() override { parent_ = OpenFile(directory_.path().c_str(), O_RDONLY | O_DIRECTORY).TakeValue(); }
  void TearDown() override { umask(umask_); }

  struct stat Stat(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(lstat(directory_.Path(name).c_str(), &status), 0) << name;
    return status;
  }
  unsigned ModeOf(const std::string& name) const { return Stat(name).st_mode & 07777U; }
  std::vector<std::string> Names() const { return NamesInDirectory(parent_.get()).TakeValue(); }
  // The name that what stood in the way has now.
  std::string Aside() const {
    for (const std::string& name : Names()) {
      if (name.starts_with("kernel.foreign-")) return name;
    }
    return {};
  }

  TempDirectory directory_;
  UniqueFd parent_;
  const mode_t umask_ = umask(022);
};

TEST_F(PrivateDirectoryTest, IsForItsOwnerOnlyWhateverTheUmask) {
  for (const mode_t mask : {0U, 022U, 0777U}) {
    umask(mask);
    const std::string name = "d" + std::to_string(mask);
    ASSERT_TRUE(OpenPrivateDirectory(parent_.get(), name.c_str()).ok());
    EXPECT_EQ(ModeOf(name), 0700U) << mask;
    const UniqueFd opened = OpenPrivateDirectory(parent_.get(), name.c_str()).TakeValue();
    ASSERT_TRUE(CreatePrivateFile(opened.get(), "file").ok());
    EXPECT_EQ(ModeOf(name + "/file"), 0600U) << mask;
  }
  EXPECT_EQ(Names().size(), 3U);
}

// A run that was interrupted right after its mkdir leaves a name that a power cut would take, and everything below it.
TEST(PrivateDirectoryDurabilityTest, ADirectoryThatIsThereIsFlushedToo) {
  PowerSwitch power;
  const FsyncedDirectory directory(power);
  ASSERT_EQ(mkdir((directory.path() + "/kernel").c_str(), 0700), 0);
  const UniqueFd parent = OpenFile(directory.path().c_str(), O_RDONLY | O_DIRECTORY).TakeValue();
  ASSERT_TRUE(OpenPrivateDirectory(parent.get(), "kernel").ok());
  EXPECT_EQ(directory.DurableNames(""), std::vector<std::string>{"kernel"});
}

TEST_F(PrivateDirectoryTest, OursWithALooserModeIsClosed) {
  directory_.WriteFile("kernel/inside", "kept");
  ASSERT_EQ(chmod(directory_.Path("kernel").c_str(), 01777), 0);
  ASSERT_TRUE(OpenPrivateDirectory(parent_.get(), "kernel").ok());
  EXPECT_EQ(ModeOf("kernel"), 0700U);
  EXPECT_EQ(ReadTextFile(directory_.Path("kernel/inside").c_str(), 10).value(), "kept");
  EXPECT_EQ(Names().size(), 1U);
}

TEST_F(PrivateDirectoryTest, ALinkIsMovedAsideAndNotFollowed) {
  const TempDirectory elsewhere;
  ASSERT_EQ(chmod(elsewhere.path().c_str(), 0755), 0);
  directory_.MakeSymlink("kernel", elsewhere.path());
  const UniqueFd opened = OpenPrivateDirectory(parent_.get(), "kernel").TakeValue();
  ASSERT_TRUE(CreatePrivateFile(opened.get(), "secret").ok());
  EXPECT_TRUE(S_ISDIR(Stat("kernel").st_mode));
  EXPECT_TRUE(S_ISLNK(Stat(Aside()).st_mode));
  struct stat status {};
  ASSERT_EQ(stat(elsewhere.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0755U);
  EXPECT_NE(access((elsewhere.path() + "/secret").c_str(), F_OK), 0);
}

TEST_F(PrivateDirectoryTest, ALinkToNothingAndAFileAreMovedAside) {
  directory_.MakeSymlink("kernel", "nowhere");
  ASSERT_TRUE(OpenPrivateDirectory(parent_.get(), "kernel").ok());
  EXPECT_TRUE(S_ISDIR(Stat("kernel").st_mode));
  ASSERT_EQ(rmdir(directory_.Path("kernel").c_str()), 0);
  ASSERT_EQ(unlink(directory_.Path(Aside()).c_str()), 0);
  directory_.WriteFile("kernel", "somebody's");
  ASSERT_TRUE(OpenPrivateDirectory(parent_.get(), "kernel").ok());
  EXPECT_EQ(ReadTextFile(directory_.Path(Aside()).c_str(), 100).value(), "somebody's");
}

TEST_F(PrivateDirectoryTest, SomebodyElsesDirectoryIsMovedAside) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to make one";
  directory_.WriteFile("kernel/theirs", "kept");
  ASSERT_EQ(chown(directory_.Path("kernel").c_str(), 65534, 65534), 0);
  ASSERT_TRUE(OpenPrivateDirectory(parent_.get(), "kernel").ok());
  EXPECT_EQ(Stat("kernel").st_uid, geteuid());
  EXPECT_NE(access(directory_.Path("kernel/theirs").c_str(), F_OK), 0);
  EXPECT_EQ(Stat(Aside()).st_uid, 65534U);
  EXPECT_EQ(ReadTextFile(directory_.Path(Aside() + "/theirs").c_str(), 10).value(), "kept");
}

// The parent is everybody's and sticky, as /var/crash is.
TEST_F(PrivateDirectoryTest, SomebodyWhoTakesTheNameWheneverItIsFreeIsNotInTheWay) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_EQ(chmod(directory_.path().c_str(), 01777), 0);
  const std::string path = directory_.Path("kernel");
  const pid_t other = fork();
  if (other == 0) {
    if (setresuid(65534, 65534, 65534) != 0) _exit(1);
    while (true) {
      (void)mkdir(path.c_str(), 0777);
      (void)symlink("/nowhere", path.c_str());
    }
  }
  for (int i = 0; i < 100; ++i) {
    const Result<UniqueFd> opened = OpenPrivateDirectory(parent_.get(), "kernel");
    EXPECT_TRUE(opened.ok()) << opened.error().text();
    EXPECT_EQ(Stat("kernel").st_uid, 0U);
    EXPECT_EQ(ModeOf("kernel"), 0700U);
    EXPECT_EQ(rmdir(path.c_str()), 0);
  }
  (void)kill(other, SIGKILL);
  EXPECT_EQ(waitpid(other, nullptr, 0), other);
}

TEST_F(PrivateDirectoryTest, FindingChangesNothing) {
  const auto code = [this] { return FindPrivateDirectory(parent_.get(), "kernel").error().code(); };
  EXPECT_EQ(code(), ErrorCode::kNotFound);
  directory_.WriteFile("file", "text");
  directory_.MakeSymlink("kernel", directory_.path());
  EXPECT_EQ(code(), ErrorCode::kRefused);
  ASSERT_EQ(unlink(directory_.Path("kernel").c_str()), 0);
  ASSERT_EQ(mkdir(directory_.Path("kernel").c_str(), 0755), 0);
  EXPECT_TRUE(FindPrivateDirectory(parent_.get(), "kernel").ok());
  if (geteuid() == 0) {
    ASSERT_EQ(chown(directory_.Path("kernel").c_str(), 65534, 65534), 0);
    EXPECT_EQ(code(), ErrorCode::kRefused);
  }
  EXPECT_EQ(Names(), (std::vector<std::string>{"file", "kernel"}));
  EXPECT_EQ(ModeOf("kernel"), 0755U);
}

TEST_F(PrivateDirectoryTest, ANewFileTakesNobodysName) {
  directory_.WriteFile("taken", "mine");
  directory_.MakeSymlink("link", "target");
  for (const char* const name : {"taken", "link"}) {
    const Result<UniqueFd> refused = CreatePrivateFile(parent_.get(), name);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().os_error(), EEXIST);
  }
  EXPECT_NE(access(directory_.Path("target").c_str(), F_OK), 0);
}

TEST_F(PrivateDirectoryTest, RemovesFilesAndNothingElse) {
  directory_.WriteFile("old/a", "1");
  directory_.WriteFile("old/b", "2");
  EXPECT_TRUE(RemovePrivateDirectory(parent_.get(), "old").ok());
  EXPECT_TRUE(RemovePrivateDirectory(parent_.get(), "old").ok());
  EXPECT_TRUE(Names().empty());
  const TempDirectory elsewhere;
  elsewhere.WriteFile("kept", "1");
  directory_.MakeSymlink("link", elsewhere.path());
  EXPECT_FALSE(RemovePrivateDirectory(parent_.get(), "link").ok());
  EXPECT_EQ(access(elsewhere.Path("kept").c_str(), F_OK), 0);
}

}  // namespace
}  // namespace crashdump
