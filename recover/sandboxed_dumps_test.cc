// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/sandboxed_dumps.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "common/base/range_source.h"
#include "common/testing/sanitizer.h"
#include "common/testing/seccomp.h"
#include "recover/recovery_rig_test.h"

namespace crashdump {
namespace {

MakeRegionDumps Sandbox(const PublishOptions& options) {
  return [options](const RecoverDevice& device, const ByteSource& region, const KeyRecord& record) {
    return MakeSandboxedDumps(region, record, options, device.descriptor);
  };
}

class SandboxedDumpsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // As the command does.
    before_ = signal(SIGPIPE, SIG_IGN);
  }
  void TearDown() override {
    EXPECT_EQ(waitpid(-1, nullptr, 0), -1) << "a child is left";
    EXPECT_EQ(errno, ECHILD);
    (void)signal(SIGPIPE, before_);
  }
  sighandler_t before_ = nullptr;
};

TEST_F(SandboxedDumpsTest, GivesWhatThisProcessWouldHaveMade) {
  for (const VmcoreFormat format : {VmcoreFormat::kKdump, VmcoreFormat::kElf, VmcoreFormat::kCrashdump}) {
    const PublishOptions options = {.format = format, .encode = {.compression = PageCompression::kZlib, .threads = 3}};
    std::vector<std::map<std::string, std::string>> trees;
    for (const bool sandboxed : {false, true}) {
      RecoveryRig rig;
      rig.UseOptions(options);
      if (sandboxed) rig.UseDumps(Sandbox(options));
      const KeyRecord record = rig.AddRecord(7);
      rig.Place(RecoveryRig::PlanFor(record));
      rig.Recover();
      ASSERT_EQ(rig.Dumps().size(), 1U);
      trees.push_back(rig.Tree());
      std::erase_if(trees.back(), [](const auto& file) { return file.first.ends_with(".crash"); });
    }
    EXPECT_EQ(trees[0], trees[1]) << VmcoreFormatName(format);
  }
}

TEST_F(SandboxedDumpsTest, TellsHowFarItIs) {
  std::vector<uint64_t> told;
  PublishOptions options = {.format = VmcoreFormat::kElf};
  options.progress = [&told](uint64_t done, uint64_t) { told.push_back(done); };
  RecoveryRig rig;
  rig.UseDumps(Sandbox(options));
  rig.Place(RecoveryRig::PlanFor(rig.AddRecord(7)));
  rig.Recover();
  ASSERT_GT(told.size(), 2U);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
}

class FullSink final : public ByteSink {
 public:
  Result<> WriteAt(uint64_t, Bytes) override { return Error::Os(ENOSPC, "write"); }
  Result<> Flush() override { return {}; }
};

TEST_F(SandboxedDumpsTest, AFullDiskEndsTheChild) {
  RecoveryRig rig;
  const KeyRecord record = rig.AddRecord(7);
  rig.Place(RecoveryRig::PlanFor(record));
  const RangeSource region(rig.device(), RecoveryRig::kRegion);
  const auto source = Sandbox({.format = VmcoreFormat::kElf})({}, region, record)->Open(1).TakeValue();
  source->Survey().TakeValue();
  FullSink sink;
  const Result<uint64_t> written = source->WriteVmcore(sink);
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().os_error(), ENOSPC);
}

// A reader that has been taken over does this at its first read.
class Hijacked final : public ByteSource {
 public:
  Hijacked(const ByteSource& source, std::function<void()> deed) : source_(source), deed_(std::move(deed)) {}
  Result<> ReadAt(uint64_t offset, MutableBytes out) const override {
    if (getpid() != parent_) deed_();
    return source_.ReadAt(offset, out);
  }
  uint64_t size() const override { return source_.size(); }

 private:
  const ByteSource& source_;
  std::function<void()> deed_;
  pid_t parent_ = getpid();
};

TEST_F(SandboxedDumpsTest, AReaderThatWasTakenOverIsEnded) {
  if (!testing::HasSeccomp()) GTEST_SKIP() << testing::kNoSeccomp;
  RecoveryRig rig;
  const KeyRecord record = rig.AddRecord(7);
  rig.Place(RecoveryRig::PlanFor(record));
  const RangeSource region(rig.device(), RecoveryRig::kRegion);
  struct Case {
    const char* what;
    std::function<void()> deed;
    bool is_allowed = false;
  };
  const pid_t test = getpid();
  const std::vector<Case> cases = {
      {"nothing", [] {}, true},
      {"time and memory",
       [] {
         timespec now{};
         (void)clock_gettime(CLOCK_MONOTONIC, &now);
         const std::vector<uint8_t> memory(8 * kMiB, 1);
         Require(memory.back() == 1);
       },
       true},
      {"open", [] { (void)open("/dev/null", O_RDONLY | O_CLOEXEC); }},
      {"socket", [] { (void)socket(AF_INET, SOCK_DGRAM, 0); }},
      {"fork", [] { (void)fork(); }},
      {"exec", [] { (void)execl("/bin/true", "true", nullptr); }},
      {"kill", [test] { (void)kill(test, 0); }},
      {"ptrace", [test] { (void)ptrace(PTRACE_ATTACH, test, nullptr, nullptr); }},
      {"unlink", [] { (void)unlink("/nowhere/nothing"); }},
      {"write at an offset", [] { (void)pwrite(2, "x", 1, 0); }},
      {"code", [] { (void)mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }},
      {"root", [] { (void)setuid(0); }},
      {"a signal to its neighbours", [test] { (void)syscall(SYS_tgkill, test, test, 0); }},
  };
  for (const Case& each : cases) {
    const Hijacked source(region, each.deed);
    const auto dumps = Sandbox({.format = VmcoreFormat::kElf})({}, source, record);
    const Result<AttemptStates> states = dumps->Inspect();
    const Result<std::unique_ptr<DumpSource>> opened = dumps->Open(1);
    EXPECT_EQ(opened.ok(), each.is_allowed) << each.what;
    EXPECT_EQ(states.ok(), each.is_allowed) << each.what;
    if (each.is_allowed || opened.ok() || states.ok()) continue;
    for (const Error& error : {states.error(), opened.error()}) {
      EXPECT_NE(std::string(error.text()).find("was ended by signal 31"), std::string::npos)
          << each.what << ": " << error.text();
    }
  }
}

// A byte at which every reader dies.
class Deadly final : public ByteSource {
 public:
  Deadly(const ByteSource& source, uint64_t place) : source_(source), place_(place) {}
  Result<> ReadAt(uint64_t offset, MutableBytes out) const override {
    if (getpid() != parent_ && offset <= place_ && place_ - offset < out.size()) __builtin_trap();
    return source_.ReadAt(offset, out);
  }
  uint64_t size() const override { return source_.size(); }

 private:
  const ByteSource& source_;
  uint64_t place_;
  pid_t parent_ = getpid();
};

TEST_F(SandboxedDumpsTest, OfADumpThatKillsItsReadersThereAreTheMessages) {
  RecoveryRig rig;
  const KeyRecord record = rig.AddRecord(7);
  const DumpPlan plan = RecoveryRig::PlanFor(record);
  rig.Place(plan);
  // A reader that comes to the last pages dies.
  uint64_t last_chunk = 0;
  for (const PlacedObject& object : ListObjects(BuildDump(plan))) {
    if (object.type == ObjectType::kChunk) last_chunk = object.offset;
  }
  ASSERT_NE(last_chunk, 0U);
  rig.UseDumps([&](const RecoverDevice& device, const ByteSource& region, const KeyRecord& key) {
    static std::unique_ptr<Deadly> deadly;
    deadly = std::make_unique<Deadly>(region, last_chunk);
    return MakeSandboxedDumps(*deadly, key, {.format = VmcoreFormat::kElf}, device.descriptor);
  });
  const std::vector<RecoverNote> notes = rig.Recover();
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(notes[0].kind, RecoverNote::Kind::kFailed);
  EXPECT_NE(notes[0].text.find("was ended by signal"), std::string::npos) << notes[0].text;
  ASSERT_EQ(rig.Dumps().size(), 1U);
  EXPECT_EQ(ReadTextFile(rig.DumpFile(rig.Dumps()[0], "dmesg.txt").c_str(), kMiB).TakeValue(), plan.messages);
  EXPECT_EQ(rig.keys().ReadAll().TakeValue().records.size(), 1U);
}

TEST_F(SandboxedDumpsTest, AReaderHasNothingElseOpen) {
  RecoveryRig rig;
  const KeyRecord record = rig.AddRecord(7);
  rig.Place(RecoveryRig::PlanFor(record));
  const RangeSource region(rig.device(), RecoveryRig::kRegion);
  const UniqueFd file = OpenFile("/dev/null", O_RDWR).TakeValue();
  const Hijacked source(region, [&file] {
    if (write(file.get(), "x", 1) != -1 || errno != EBADF) abort();
  });
  EXPECT_TRUE(Sandbox({.format = VmcoreFormat::kElf})({}, source, record)->Open(1).ok());
}

TEST_F(SandboxedDumpsTest, AReaderThatClosesItsEndAndStaysIsEnded) {
  RecoveryRig rig;
  const KeyRecord record = rig.AddRecord(7);
  rig.Place(RecoveryRig::PlanFor(record));
  const RangeSource region(rig.device(), RecoveryRig::kRegion);
  const Hijacked source(region, [] {
    for (int descriptor = 0; descriptor < 100; ++descriptor) (void)close(descriptor);
    const timespec long_time = {.tv_sec = 10000, .tv_nsec = 0};
    (void)nanosleep(&long_time, nullptr);
  });
  EXPECT_FALSE(Sandbox({.format = VmcoreFormat::kElf})({}, source, record)->Open(1).ok());
}

// Nothing limits it, or the limit can be raised (CAP_SYS_RESOURCE, bit 24).
bool MayLockMemory() {
  rlimit limit{};
  EXPECT_EQ(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
  const std::string status = ReadTextFile("/proc/self/status", kMiB).TakeValue();
  const std::string capabilities = status.substr(status.find("\nCapEff:\t") + 9, 16);
  return limit.rlim_cur == RLIM_INFINITY || (ParseHexNumber(capabilities).TakeValue() >> 24 & 1) != 0;
}

TEST_F(SandboxedDumpsTest, AReaderIsNobody) {
  RecoveryRig rig;
  const KeyRecord record = rig.AddRecord(7);
  rig.Place(RecoveryRig::PlanFor(record));
  const RangeSource region(rig.device(), RecoveryRig::kRegion);
  const auto source = Sandbox({.format = VmcoreFormat::kElf})({}, region, record)->Open(1).TakeValue();
  const std::string children = "/proc/self/task/" + std::to_string(gettid()) + "/children";
  const std::string child = ReadTextFile(children.c_str(), kMiB).TakeValue();
  const std::string path = "/proc/" + child.substr(0, child.find(' ')) + "/status";
  const std::string status = ReadTextFile(path.c_str(), kMiB).TakeValue();
  const auto has = [&status](const char* line) { return status.find(line) != std::string::npos; };
  EXPECT_TRUE(has("\nNoNewPrivs:\t1\n")) << status;
  if (MayLockMemory() && !testing::kIsAddressSanitized) EXPECT_FALSE(has("\nVmLck:\t       0 kB")) << status;
  if (testing::HasSeccomp()) EXPECT_TRUE(has("\nSeccomp:\t2\n")) << status;
  EXPECT_TRUE(has("\nCapEff:\t0000000000000000\n")) << status;
  EXPECT_TRUE(has("\nCapPrm:\t0000000000000000\n")) << status;
  if (geteuid() == 0) EXPECT_TRUE(has("\nUid:\t65534\t65534\t65534\t65534\n")) << status;
  if (geteuid() == 0) EXPECT_TRUE(has("\nGroups:\t \n")) << status;
}

}  // namespace
}  // namespace crashdump
