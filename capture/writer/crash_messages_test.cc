// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/crash_messages.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/base/io.h"
#include "common/base/units.h"
#include "common/testing/sample_vmcore.h"
#include "common/testing/temp_directory.h"

namespace crashdump {
namespace {

class CrashMessagesTest : public ::testing::Test {
 protected:
  CrashMessagesTest() { directory_.WriteFile("vmcore", Bytes(sample_.file)); }

  std::string Path(std::string_view name) const { return directory_.Path(name); }
  std::string Read(const std::string& name) const {
    Result<std::string> text = ReadTextFile(Path(name).c_str(), kMiB);
    return text.ok() ? text.TakeValue() : std::string("(cannot be read)");
  }

  TempDirectory directory_;
  testing::SampleVmcore sample_ = testing::MakeSampleVmcore(50);
};

// The sample's last message has a sequence that a terminal would act upon.
constexpr std::string_view kLastMessage = "Kernel panic - not syncing: \\x1b[31msample\n";

TEST_F(CrashMessagesTest, ExtractsAllAndNothingThatATerminalActsUpon) {
  const Result<> extracted = ExtractMessages(Path("vmcore").c_str(), Path("out").c_str());
  ASSERT_TRUE(extracted.ok()) << extracted.error().text();
  const std::string text = Read("out");
  EXPECT_TRUE(text.ends_with(kLastMessage)) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST_F(CrashMessagesTest, NeitherOverwritesNorLeavesHalfAFile) {
  directory_.WriteFile("out", "mine");
  EXPECT_FALSE(ExtractMessages(Path("vmcore").c_str(), Path("out").c_str()).ok());
  EXPECT_EQ(Read("out"), "mine");
  directory_.WriteFile("no-vmcore", "text");
  EXPECT_FALSE(ExtractMessages(Path("no-vmcore").c_str(), Path("other").c_str()).ok());
  EXPECT_NE(access(Path("other").c_str(), F_OK), 0);
}

TEST_F(CrashMessagesTest, ShowsInitTheLastOnes) {
  const std::string lines = directory_.WriteFile("lines", "");
  const UniqueFd fd = OpenFile(lines.c_str(), O_WRONLY).TakeValue();
  ASSERT_TRUE(ShowMessages(Path("vmcore").c_str(), StatusReporter(fd.get())).ok());
  const std::string text = Read("lines");
  EXPECT_TRUE(text.ends_with(kLastMessage)) << text;
  size_t count = 0;
  for (size_t begin = 0; begin < text.size(); begin = text.find('\n', begin) + 1, ++count) {
    EXPECT_EQ(text.substr(begin, 8), "message ");
  }
  EXPECT_GT(count, 0U);
  EXPECT_LE(count, kShownMessages);
  EXPECT_FALSE(ShowMessages("/nonexistent", StatusReporter(fd.get())).ok());
}

TEST_F(CrashMessagesTest, ReplaysEachLineAsARecordThatNoConsoleShows) {
  directory_.WriteFile("log", "");
  const Result<> replayed = ReplayMessages(Path("vmcore").c_str(), Path("log").c_str());
  ASSERT_TRUE(replayed.ok()) << replayed.error().text();
  const std::string text = Read("log");
  EXPECT_TRUE(text.ends_with(kLastMessage)) << text;
  EXPECT_LE(text.size(), 2 * kReplayedBytes);
  size_t records = 0;
  for (size_t begin = 0; begin < text.size(); begin = text.find('\n', begin) + 1, ++records) {
    EXPECT_EQ(text.substr(begin, 12), "<7>crashed: ");
  }
  EXPECT_GT(records, 0U);
  EXPECT_FALSE(ReplayMessages(Path("vmcore").c_str(), Path("no-log").c_str()).ok());
}

}  // namespace
}  // namespace crashdump
