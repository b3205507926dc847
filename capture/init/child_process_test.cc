// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/child_process.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "capture/init/test_support.h"

namespace crashdump {
namespace {

class ChildProcessTest : public SignalTest {
 protected:
  static std::string ReadAll(const ChildProcess& child) {
    std::string text;
    while (true) {
      pollfd ready = {.fd = child.status_fd(), .events = POLLIN, .revents = 0};
      if (poll(&ready, 1, 5000) < 1) return text + "(nothing more came)";
      std::array<char, 512> buffer;
      const ssize_t got = read(child.status_fd(), buffer.data(), buffer.size());
      if (got <= 0) return text;
      text.append(buffer.data(), static_cast<size_t>(got));
    }
  }
  static int StatusOf(const ChildProcess& child) {
    for (int i = 0; i < 500; ++i) {
      const std::optional<int> status = Reap(child.pid());
      if (status) return *status;
      usleep(10'000);
    }
    return -1;
  }

  ScratchDirectory directory_;
};

TEST_F(ChildProcessTest, HasItsArgumentsAndThePipesOnly) {
  const std::string script = directory_.MakeScript(
      "program", "echo \"$# $1 $2\" >&3; echo error >&2; echo nowhere; ls /proc/$$/fd >&3; exit 7");
  const std::vector<std::string> arguments = {"--attempt", "a b"};
  const Result<ChildProcess> child = ChildProcess::Start(script.c_str(), arguments);
  ASSERT_TRUE(child.ok());
  // 10 is the script itself in some shells; a pipe of the shell's own would come and go.
  const std::string text = ReadAll(child.value());
  EXPECT_TRUE(text.starts_with("2 --attempt a b\nerror\n0\n1\n")) << text;
  EXPECT_EQ(text.find("\n4\n"), std::string::npos) << text;
  EXPECT_EQ(StatusOf(child.value()), 7 << 8);
}

TEST_F(ChildProcessTest, HearsWhatIsSent) {
  const std::string script = directory_.MakeScript("program", "read answer; echo \"got $answer\" >&3");
  const Result<ChildProcess> child = ChildProcess::Start(script.c_str(), {});
  ASSERT_TRUE(child.ok());
  child.value().Send("go\n");
  EXPECT_EQ(ReadAll(child.value()), "got go\n");
  EXPECT_EQ(StatusOf(child.value()), 0);
  child.value().Send("too late\n");  // no SIGPIPE, no error
}

TEST_F(ChildProcessTest, AProgramThatIsNotThereSaysSo) {
  const Result<ChildProcess> child = ChildProcess::Start("/nonexistent/capture", {});
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(ReadAll(child.value()), "failed /nonexistent/capture cannot be run: No such file or directory\n");
  EXPECT_EQ(StatusOf(child.value()), 1 << 8);
}

TEST_F(ChildProcessTest, SignalsAreNotBlockedInTheChild) {
  const std::string script = directory_.MakeScript("program", "kill -TERM $$; sleep 5");
  const Result<ChildProcess> child = ChildProcess::Start(script.c_str(), {});
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(StatusOf(child.value()), SIGTERM);
}

TEST_F(ChildProcessTest, KillEndsWhatItHasStartedToo) {
  const std::string script = directory_.MakeScript("program", "sleep 100 & echo $! >&3; wait");
  const Result<ChildProcess> child = ChildProcess::Start(script.c_str(), {});
  ASSERT_TRUE(child.ok());
  pollfd ready = {.fd = child.value().status_fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&ready, 1, 5000), 1);
  child.value().Kill();
  // The end of the stream comes only when nobody holds the pipe.
  EXPECT_EQ(ReadAll(child.value()).find("(nothing"), std::string::npos);
  EXPECT_EQ(StatusOf(child.value()), SIGKILL);
}

TEST_F(ChildProcessTest, CallRunsAFunction) {
  const Result<ChildProcess> good = ChildProcess::Call([] { return true; });
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(StatusOf(good.value()), 0);
  const Result<ChildProcess> bad = ChildProcess::Call([] { return false; });
  ASSERT_TRUE(bad.ok());
  EXPECT_EQ(StatusOf(bad.value()), 1 << 8);
}

TEST_F(ChildProcessTest, ReapTakesEveryoneButTellsOfOne) {
  const Result<ChildProcess> other = ChildProcess::Call([] { return true; });
  ASSERT_TRUE(other.ok());
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(other.value().pid()), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(Reap(-1), std::nullopt);
  EXPECT_EQ(waitpid(other.value().pid(), nullptr, 0), -1);
}

}  // namespace
}  // namespace crashdump
