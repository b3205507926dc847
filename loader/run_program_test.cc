// SPDX-License-Identifier: GPL-2.0-or-later
// Running another program: what it gets, what comes back, and that it ends.
#include "loader/run_program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/io.h"
#include "common/testing/temp_directory.h"

namespace crashdump {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

class RunProgramTest : public testing::Test {
 protected:
  ProgramRun Script(const std::string& text, std::vector<std::string> arguments = {}) const {
    const std::string path = directory_.WriteFile("program", "#!/bin/sh\n" + text + "\n");
    EXPECT_EQ(chmod(path.c_str(), 0700), 0);
    return {.path = path, .arguments = std::move(arguments), .inherited = {}, .limit = milliseconds(20'000)};
  }
  ProgramEnd MustRun(const ProgramRun& run) const {
    const Result<ProgramEnd> end = RunProgram(run);
    EXPECT_TRUE(end.ok()) << end.error().text();
    return end.ok() ? end.value() : ProgramEnd();
  }

  TempDirectory directory_;
};

TEST_F(RunProgramTest, HasItsArgumentsAsTheyAreAndBothOutputsComeBack) {
  const ProgramEnd end = MustRun(Script("echo \"$# $1 $2\"; echo error >&2", {"--a=b c", "$(id) `id`;\"'"}));
  EXPECT_EQ(end.output, "2 --a=b c $(id) `id`;\"'\nerror\n");
  EXPECT_EQ(end.fault, "");
}

TEST_F(RunProgramTest, HasNothingOfOurEnvironment) {
  ASSERT_EQ(setenv("CRASHDUMP_TEST_SECRET", "secret", 1), 0);
  const ProgramEnd end = MustRun(Script("env; cat; ulimit -c"));
  EXPECT_EQ(end.output.find("secret"), std::string::npos) << end.output;
  EXPECT_NE(end.output.find("PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"), std::string::npos) << end.output;
  EXPECT_TRUE(end.output.ends_with("\n0\n")) << "one byte is no block: " << end.output;
}

TEST_F(RunProgramTest, HasTheEnvironmentThatItIsGiven) {
  ProgramRun run = Script("echo \"$NAME,$LC_ALL\"");
  run.environment = {"NAME=a value"};
  EXPECT_EQ(MustRun(run).output, "a value,C\n");
}

TEST_F(RunProgramTest, InheritsWhatItIsGivenAndNothingElse) {
  const UniqueFd memory(memfd_create("test", MFD_CLOEXEC));
  ASSERT_TRUE(PwriteFull(memory.get(), 0, BytesOf("contents")).ok());
  const InheritedFile file = InheritedFile::Create(memory.get()).TakeValue();
  EXPECT_GT(file.fd(), STDERR_FILENO);
  // Nothing that would make the shell itself open descriptors.
  ProgramRun run = Script("cat \"$1\"; for fd in 0 1 $2 $3; do [ ! -e /proc/$$/fd/$fd ] || echo \" $fd\"; done",
                          {file.path(), std::to_string(file.fd()), std::to_string(memory.get())});
  EXPECT_EQ(MustRun(run).output.find("contents"), std::string::npos) << "it was not to inherit it";
  run.inherited = {file.fd()};
  const std::string output = MustRun(run).output;
  EXPECT_EQ(output, "contents 0\n 1\n " + std::to_string(file.fd()) + "\n");
}

TEST_F(RunProgramTest, SaysHowItEnded) {
  EXPECT_EQ(MustRun(Script("exit 3")).fault, "ended with status 3");
  EXPECT_EQ(MustRun(Script("kill -SEGV $$")).fault, "was ended by signal 11 (Segmentation fault)");
}

TEST_F(RunProgramTest, OneThatCannotBeRunSaysSo) {
  ProgramRun run = Script("");
  run.path = directory_.Path("absent");
  const ProgramEnd end = MustRun(run);
  EXPECT_EQ(end.output, "cannot be run: No such file or directory\n");
  EXPECT_EQ(end.fault, "ended with status 127");
}

TEST_F(RunProgramTest, OneThatHangsIsKilledWithAllThatItHasStarted) {
  ProgramRun run = Script("echo $$; sleep 1000 & echo $!; wait");
  run.limit = milliseconds(1000);
  const Clock::time_point begin = Clock::now();
  const ProgramEnd end = MustRun(run);
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(30));
  EXPECT_EQ(end.fault, "did not end within 1 s");
  EXPECT_TRUE(end.timed_out);
  pid_t script = 0;
  pid_t sleeper = 0;
  ASSERT_EQ(sscanf(end.output.c_str(), "%d\n%d", &script, &sleeper), 2) << end.output;
  EXPECT_EQ(kill(script, 0), -1);
  EXPECT_EQ(errno, ESRCH);
  // Its parent is gone: whoever reaps orphans here does so in a moment.
  for (int i = 0; i < 500 && kill(sleeper, 0) == 0; ++i) {
    const Result<std::string> status = ReadTextFile(("/proc/" + std::to_string(sleeper) + "/stat").c_str(), 4096);
    if (!status.ok() || status.value().find(") Z ") != std::string::npos) return;
    usleep(10'000);
  }
  EXPECT_EQ(kill(sleeper, 0), -1) << "it still runs";
}

TEST_F(RunProgramTest, OneThatClosesItsOutputIsWaitedFor) {
  const ProgramEnd end = MustRun(Script("exec >&- 2>&-; sleep 0.2; exit 4"));
  EXPECT_EQ(end.fault, "ended with status 4");
}

TEST_F(RunProgramTest, OneThatLeavesSomebodyBehindHasEnded) {
  const Clock::time_point begin = Clock::now();
  const ProgramEnd end = MustRun(Script("sleep 60 & echo $!; exit 0"));
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(30));
  EXPECT_EQ(end.fault, "");
  pid_t sleeper = 0;
  ASSERT_EQ(sscanf(end.output.c_str(), "%d", &sleeper), 1);
  EXPECT_EQ(kill(sleeper, SIGKILL), 0);
}

TEST_F(RunProgramTest, OfMuchOutputTheBeginningIsKept) {
  const ProgramEnd end = MustRun(Script("echo begin; head -c 1000000 /dev/zero | tr '\\0' x; exit 5"));
  EXPECT_TRUE(end.output.starts_with("begin\nxxx"));
  EXPECT_EQ(end.output.size(), 16384U);
  EXPECT_EQ(end.fault, "ended with status 5");
}

TEST_F(RunProgramTest, OneThatNeverStopsTalkingIsKilled) {
  ProgramRun run = Script("exec yes");
  run.limit = milliseconds(1000);
  EXPECT_EQ(MustRun(run).fault, "did not end within 1 s");
}

TEST_F(RunProgramTest, DiesWithUs) {
  const std::string pid_file = directory_.Path("pid");
  const ProgramRun run = Script("echo $$ >\"$1.new\"; mv \"$1.new\" \"$1\"; exec sleep 1000", {pid_file});
  const pid_t caller = fork();
  if (caller == 0) {
    (void)RunProgram(run);
    _exit(0);
  }
  Result<std::string> text = Error::Format(ErrorCode::kNotFound, "no pid");
  for (int i = 0; i < 1000 && !text.ok(); ++i) {
    usleep(10'000);
    text = ReadTextFile(pid_file.c_str(), 64);
  }
  ASSERT_TRUE(text.ok());
  ASSERT_EQ(kill(caller, SIGKILL), 0);
  ASSERT_EQ(waitpid(caller, nullptr, 0), caller);
  const std::string status = "/proc/" + std::to_string(atoi(text.value().c_str())) + "/stat";
  for (int i = 0; i < 500; ++i) {
    const Result<std::string> stat = ReadTextFile(status.c_str(), 4096);
    if (!stat.ok() || stat.value().find(") Z ") != std::string::npos) return;
    usleep(10'000);
  }
  FAIL() << "it still runs";
}

}  // namespace
}  // namespace crashdump
