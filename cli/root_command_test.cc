// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/root_command.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "cli/commands.h"
#include "common/base/io.h"
#include "common/base/units.h"
#include "common/testing/sanitizer.h"

namespace crashdump {
namespace {

// The exit status of a child that runs `body`: what it does to itself ends with it.
int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  return WEXITSTATUS(status);
}

TEST(RootCommand, ForbidsCoreFiles) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const int dumpable = InChild([] { return BeginRootCommand().ok() ? prctl(PR_GET_DUMPABLE) : 99; });
  EXPECT_EQ(dumpable, 0);
}

TEST(RootCommand, LocksItsMemory) {
  if (testing::kIsAddressSanitized) GTEST_SKIP() << "the sanitizer locks nothing";
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const int locked = InChild([] {
    if (!BeginRootCommand().ok()) return 99;
    const std::string status = ReadTextFile("/proc/self/status", kMiB).TakeValue();
    return status.find("\nVmLck:\t       0 kB") == std::string::npos ? 1 : 0;
  });
  EXPECT_EQ(locked, 1);
}

TEST(RootCommand, IsForRootOnly) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  std::vector<int (*)(std::span<char* const>)> commands = {RunLoad, RunUnload, RunStatus, RunRecover};
  for (auto* const command : commands) {
    const int status = InChild([command] {
      constexpr uid_t kNobody = 65534;
      if (setresuid(kNobody, kNobody, kNobody) != 0) return 98;
      (void)close(STDERR_FILENO);
      return command({});
    });
    EXPECT_EQ(status, 1);
  }
  const int refused = InChild([] {
    if (setresuid(65534, 65534, 65534) != 0) return 98;
    return BeginRootCommand().ok() ? 0 : 7;
  });
  EXPECT_EQ(refused, 7);
}

}  // namespace
}  // namespace crashdump
