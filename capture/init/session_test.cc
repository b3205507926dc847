// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/session.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "capture/init/test_support.h"

namespace crashdump {
namespace {

class SessionTest : public SignalTest {};

TEST_F(SessionTest, EndsItsJobsToo) {
  const ScratchDirectory directory;
  // A job of a group of its own, as a shell with job control makes it.
  const Result<ChildProcess> leader = ChildProcess::Call([&] {
    const pid_t job = fork();
    if (job == 0) {
      (void)setpgid(0, 0);
      directory.Write("job", std::to_string(getpid()));
      while (true) pause();
    }
    while (true) pause();
    return true;
  });
  ASSERT_TRUE(leader.ok());
  pid_t job = 0;
  for (int i = 0; i < 500 && job == 0; ++i) {
    usleep(10'000);
    job = atoi(directory.Read("job").c_str());
  }
  ASSERT_GT(job, 0);
  ASSERT_EQ(getsid(job), leader.value().pid());
  KillSession(leader.value().pid());
  int status = 0;
  EXPECT_EQ(waitpid(leader.value().pid(), &status, 0), leader.value().pid());
  EXPECT_TRUE(WIFSIGNALED(status));
  // Somebody else's child now: it is gone, or about to be.
  bool gone = false;
  for (int i = 0; i < 500 && !gone; ++i) {
    usleep(10'000);
    const Result<std::string> stat = ReadTextFile(("/proc/" + std::to_string(job) + "/stat").c_str(), 4096);
    gone = !stat.ok() || stat.value().find(") Z ") != std::string::npos;
  }
  EXPECT_TRUE(gone);
}

TEST_F(SessionTest, OthersAreLeftAlone) {
  const Result<ChildProcess> other = ChildProcess::Call([] {
    while (true) pause();
    return true;
  });
  ASSERT_TRUE(other.ok());
  KillSession(1 << 30);  // more than there can be
  KillSession(other.value().pid(), "/nonexistent");
  EXPECT_EQ(kill(other.value().pid(), 0), 0);
  EXPECT_EQ(waitpid(other.value().pid(), nullptr, WNOHANG), 0);
  other.value().Kill();
  EXPECT_EQ(waitpid(other.value().pid(), nullptr, 0), other.value().pid());
}

}  // namespace
}  // namespace crashdump
