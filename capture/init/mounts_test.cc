// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/mounts.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "capture/init/test_support.h"

namespace crashdump {
namespace {

constexpr int kNoPrivilege = 77;

// Runs `test` in a child that has its own mounts and descriptors; its result is the child's exit status.
template <typename Function>
int InOwnProcess(Function test) {
  const pid_t pid = fork();
  if (pid == 0) {
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      _exit(kNoPrivilege);
    _exit(test());
  }
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(MountsTest, MakesTheDirectoryAndMayBeCalledAgain) {
  const ScratchDirectory directory;
  const std::string path = directory.Path("proc");
  const int result = InOwnProcess([&] {
    if (!MountPseudo("proc", path.c_str()).ok()) return 1;
    if (access((path + "/self/status").c_str(), R_OK) != 0) return 2;
    return MountPseudo("proc", path.c_str()).ok() ? 0 : 3;
  });
  if (result == kNoPrivilege) GTEST_SKIP() << "needs the right to mount";
  EXPECT_EQ(result, 0);
}

TEST(MountsTest, AnErrorSaysWhatAndWhere) {
  const Result<> missing = MountPseudo("proc", "/nonexistent/proc");
  ASSERT_FALSE(missing.ok());
  EXPECT_STREQ(missing.error().text(), "mkdir /nonexistent/proc: No such file or directory");
  const ScratchDirectory directory;
  const Result<> unknown = MountPseudo("nosuchfs", directory.path().c_str());
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(std::string(unknown.error().text()).find("mount nosuchfs on " + directory.path() + ": "), 0U);
}

TEST(MountsTest, OccupiesStandardDescriptors) {
  const pid_t pid = fork();
  if (pid == 0) {
    (void)close(0);
    (void)close(2);
    OccupyStandardFds();
    const int next = open("/", O_RDONLY);
    _exit(fcntl(0, F_GETFD) >= 0 && fcntl(2, F_GETFD) >= 0 && next > 2 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace crashdump
