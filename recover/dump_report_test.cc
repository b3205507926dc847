// SPDX-License-Identifier: GPL-2.0-or-later
// What is put where everybody may write.
#include "recover/dump_report.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/io.h"
#include "common/base/units.h"
#include "common/crypto/crypto.h"
#include "common/testing/temp_directory.h"

namespace crashdump {
namespace {

class DumpReportTest : public ::testing::Test {
 protected:
  void SetUp() override { InitializeCrypto().TakeValue(); }
  Result<> Publish(const char* text) const { return PublishReport(directory_.get(), "a.crash", text); }
  std::vector<std::string> Names() const { return NamesInDirectory(directory_.get()).TakeValue(); }

  const TempDirectory crash_;
  const UniqueFd directory_ = OpenFile(crash_.path().c_str(), O_RDONLY | O_DIRECTORY).TakeValue();
};

TEST_F(DumpReportTest, IsForRootOnlyAndNewToItsReaders) {
  ASSERT_TRUE(Publish("report").ok());
  EXPECT_EQ(Names(), std::vector<std::string>{"a.crash"});
  struct stat status {};
  ASSERT_EQ(stat(crash_.Path("a.crash").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode, S_IFREG | 0600U);
  // What has been read since it was written they take for seen.
  EXPECT_LE(status.st_atim.tv_sec, status.st_mtim.tv_sec);
  EXPECT_EQ(ReadTextFile(crash_.Path("a.crash").c_str(), kMiB).value(), "report");
}

TEST_F(DumpReportTest, OneThatIsThereStays) {
  ASSERT_TRUE(Publish("report").ok());
  EXPECT_TRUE(Publish("another").ok());
  EXPECT_EQ(ReadTextFile(crash_.Path("a.crash").c_str(), kMiB).value(), "report");
  EXPECT_EQ(Names().size(), 1U);
}

TEST_F(DumpReportTest, SomebodyElsesNameIsRefusedAndNotFollowed) {
  const std::string target = crash_.WriteFile("target", "theirs");
  crash_.MakeSymlink("a.crash", target);
  const Result<> refused = Publish("report");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kRefused);
  EXPECT_EQ(ReadTextFile(target.c_str(), kMiB).value(), "theirs");
  EXPECT_EQ(Names().size(), 2U);
}

TEST_F(DumpReportTest, NameAndTextSurviveAReleaseThatIsNone) {
  const HostFacts host = {.distribution = "Debian GNU/Linux 12", .architecture = "amd64", .package_version = [](auto&) {
                            return std::string();
                          }};
  const DumpInfo info{.release = "6.1\nExecutablePath: /bin/sh", .machine = "x86_64"};
  EXPECT_EQ(PublicReportName(info, "20261122-a"), "linux-image-unknown-20261122-a.crash");
  const std::string report = FormatDumpReport(host, info, "/d", "").value();
  EXPECT_NE(report.find("\nPackage: linux-image-unknown (not installed)\n"), std::string::npos);
  EXPECT_EQ(report.find("ExecutablePath"), std::string::npos);
}

}  // namespace
}  // namespace crashdump
