// SPDX-License-Identifier: GPL-2.0-or-later
// What the directory loses and what it keeps: tests that rely on it would pass if it lost nothing.
#include "common/testing/fsynced_directory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "common/base/io.h"
#include "common/crypto/crypto.h"

namespace crashdump {
namespace {

class FsyncedDirectoryTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }
  void Write(const std::string& name, std::string_view text, bool flush) const {
    const UniqueFd file = OpenFile(Path(name).c_str(), O_WRONLY | O_CREAT).TakeValue();
    WriteFull(file.get(), BytesOf(text)).TakeValue();
    if (flush) Fsync(file.get()).TakeValue();
  }
  Result<> Flush(const std::string& name) const {
    return Fsync(OpenFile(Path(name).c_str(), O_RDONLY).TakeValue().get());
  }
  // "-" if it is not there.
  std::string Read(const std::string& name) const {
    const Result<std::string> text = ReadTextFile(Path(name).c_str(), 1000);
    return text.ok() ? text.value() : "-";
  }
  // What can be left of the file when `make` is followed by a power cut.
  template <typename Make>
  std::set<std::string> Outcomes(const std::string& name, Make make) {
    std::set<std::string> outcomes;
    for (uint64_t choice = 0; choice < 60; ++choice) {
      make();
      directory_.LosePower(choice);
      outcomes.insert(Read(name));
      (void)unlink(Path("a").c_str());
      (void)unlink(Path("b").c_str());
      Flush("").TakeValue();
    }
    return outcomes;
  }

  PowerSwitch power_;
  FsyncedDirectory directory_{power_};
};

TEST_F(FsyncedDirectoryTest, AFileAndItsNameAreFlushedApart) {
  const std::set<std::string> whole{"text"};
  EXPECT_EQ(Outcomes("a",
                     [this] {
                       Write("a", "text", true);
                       Flush("").TakeValue();
                     }),
            whole);
  const std::set<std::string> all{"-", "", "t", "te", "tex", "text"};
  EXPECT_EQ(Outcomes("a", [this] { Write("a", "text", false); }), all);
  EXPECT_EQ(Outcomes("a", [this] { Write("a", "text", true); }), (std::set<std::string>{"-", "text"}));
  EXPECT_EQ(Outcomes("a",
                     [this] {
                       Write("a", "text", false);
                       Flush("").TakeValue();
                     }),
            (std::set<std::string>{"", "t", "te", "tex", "text"}));
}

TEST_F(FsyncedDirectoryTest, ARenameIsLostWithoutAFlush) {
  const auto rename_it = [this] {
    Write("b", "old", true);
    Write("a", "new", true);
    Flush("").TakeValue();
    ASSERT_EQ(rename(Path("a").c_str(), Path("b").c_str()), 0);
  };
  EXPECT_EQ(Outcomes("b", rename_it), (std::set<std::string>{"old", "new"}));
  EXPECT_EQ(Outcomes("b",
                     [&] {
                       rename_it();
                       Flush("").TakeValue();
                     }),
            std::set<std::string>{"new"});
}

TEST_F(FsyncedDirectoryTest, DirectoriesNeedTheirNameInTheParent) {
  bool lost = false;
  for (uint64_t choice = 0; choice < 60; ++choice) {
    ASSERT_EQ(mkdir(Path("d").c_str(), 0700), 0);
    Write("d/a", "text", true);
    Flush("d").TakeValue();
    EXPECT_EQ(directory_.DurableFile("d/a"), nullptr);
    directory_.LosePower(choice);
    lost = lost || Read("d/a") == "-";
    if (Read("d/a") == "-") continue;
    Flush("").TakeValue();
    ASSERT_NE(directory_.DurableFile("d/a"), nullptr);
    EXPECT_EQ(*directory_.DurableFile("d/a"), "text");
    EXPECT_EQ(directory_.DurableNames("d"), std::vector<std::string>{"a"});
    directory_.LosePower(choice);
    EXPECT_EQ(Read("d/a"), "text");
    ASSERT_EQ(unlink(Path("d/a").c_str()), 0);
    ASSERT_EQ(rmdir(Path("d").c_str()), 0);
    Flush("").TakeValue();
  }
  EXPECT_TRUE(lost);
}

TEST_F(FsyncedDirectoryTest, TheSwitchCutsAtAnFsync) {
  power_.AtCut([this] { directory_.Freeze(); });
  for (const auto moment : {PowerSwitch::Moment::kBefore, PowerSwitch::Moment::kAfter}) {
    Write("a", "text", true);
    power_.TurnOn();
    power_.CutAt(0, moment);
    const Result<> cut = Flush("");
    ASSERT_FALSE(cut.ok());
    EXPECT_EQ(cut.error().os_error(), EIO);
    EXPECT_FALSE(Flush("").ok());
    // What the program does then, it does not do.
    ASSERT_EQ(unlink(Path("a").c_str()), 0);
    power_.TurnOn();
    directory_.Kill();
    EXPECT_EQ(Read("a"), "text");
    EXPECT_EQ(directory_.DurableNames("").size(), moment == PowerSwitch::Moment::kAfter ? 1U : 0U);
  }
  directory_.LosePower(0);
  EXPECT_EQ(Read("a"), "text");
}

TEST(SystemCallsTest, OtherFilesAreFlushedByTheKernel) {
  PowerSwitch power;
  const FsyncedDirectory observed(power);
  const TempDirectory other;
  const UniqueFd file = OpenFile(other.WriteFile("file", "text").c_str(), O_RDONLY).TakeValue();
  EXPECT_TRUE(Fsync(file.get()).ok());
  EXPECT_EQ(power.steps(), 0U);
  EXPECT_EQ(fsync(-1), -1);
  EXPECT_EQ(errno, EBADF);
}

TEST(SystemCallsTest, RandomnessFollowsFromTheSeedWhileItIsWanted) {
  const auto draw = [] {
    std::array<uint8_t, 13> bytes{};
    RandomBytes(bytes).TakeValue();
    return bytes;
  };
  const auto seeded = [&](uint64_t seed) {
    const SeededRandomness randomness(seed);
    return draw();
  };
  EXPECT_EQ(seeded(1), seeded(1));
  EXPECT_NE(seeded(1), seeded(2));
  EXPECT_NE(draw(), draw());
}

}  // namespace
}  // namespace crashdump
