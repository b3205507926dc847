// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/guard.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "capture/init/test_support.h"

namespace crashdump {
namespace {

constexpr int kExpired = 42;
void OnExpiry() { _exit(kExpired); }

int StatusOf(const Guard& guard) {
  int status = 0;
  EXPECT_EQ(waitpid(guard.pid(), &status, 0), guard.pid());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(GuardTest, ActsWhenTimeRunsOut) {
  Result<Guard> guard = Guard::Start(OnExpiry);
  ASSERT_TRUE(guard.ok());
  const uint64_t begin_ms = NowMs();
  guard.value().Expect(200, begin_ms);
  EXPECT_EQ(StatusOf(guard.value()), kExpired);
  EXPECT_GE(NowMs() - begin_ms, 190U);
}

TEST(GuardTest, DoesNothingWhileItHearsOfInit) {
  Result<Guard> guard = Guard::Start(OnExpiry);
  ASSERT_TRUE(guard.ok());
  for (int i = 0; i < 8; ++i) {
    guard.value().Expect(2000 + static_cast<uint64_t>(i), NowMs());  // another limit is sent at once
    usleep(300'000);
  }
  int status = 0;
  EXPECT_EQ(waitpid(guard.value().pid(), &status, WNOHANG), 0);
  EXPECT_EQ(StatusOf(guard.value()), kExpired);
}

TEST(GuardTest, EndsWithItsObject) {
  Result<Guard> guard = Guard::Start(OnExpiry);
  ASSERT_TRUE(guard.ok());
  const pid_t pid = guard.value().pid();
  guard.value().Expect(60'000, NowMs());
  guard.value() = Guard();
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(GuardTest, NoGuardExpectsNothing) {
  Guard guard;
  guard.Expect(1, NowMs());
  EXPECT_EQ(guard.pid(), -1);
}

}  // namespace
}  // namespace crashdump
