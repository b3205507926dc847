// SPDX-License-Identifier: GPL-2.0-or-later
// Files and the state directory, on a real temporary directory.
#include "common/base/io.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "common/base/byte_source.h"
#include "common/base/state_directory.h"

namespace crashdump {
namespace {

class IoTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(mkdtemp(path_.data()), nullptr); }
  void TearDown() override {
    const std::string command = "rm -rf " + path_;
    ASSERT_EQ(system(command.c_str()), 0);  // NOLINT(cert-env33-c,concurrency-mt-unsafe)
  }
  std::string Path(const char* name) const { return path_ + "/" + name; }

  std::string path_ = "/tmp/crashdump-io-test-XXXXXX";
};

TEST_F(IoTest, StateDirectoryKeepsWholeFiles) {
  DiskStateDirectory state = DiskStateDirectory::Open(Path("state").c_str()).TakeValue();
  EXPECT_FALSE(state.Read("a").value().has_value());
  ASSERT_TRUE(state.Replace("a", "one").ok());
  ASSERT_TRUE(state.Replace("a", "two").ok());
  ASSERT_TRUE(state.Replace("b", "").ok());
  EXPECT_EQ(state.Read("a").value().value(), "two");
  EXPECT_EQ(state.List().value(), (std::vector<std::string>{"a", "b"}));
  struct stat status {};
  ASSERT_EQ(stat(Path("state/a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  ASSERT_TRUE(state.Remove("a").ok());
  EXPECT_TRUE(state.Remove("a").ok());
  EXPECT_EQ(state.List().value(), (std::vector<std::string>{"b"}));
}

// Pages of the file that the page cache holds.
size_t CachedPages(const std::string& path) {
  const UniqueFd file = OpenFile(path.c_str(), O_RDWR).TakeValue();
  constexpr size_t kBytes = 4096;
  void* const mapped = mmap(nullptr, kBytes, PROT_READ, MAP_SHARED, file.get(), 0);
  EXPECT_NE(mapped, MAP_FAILED);
  unsigned char resident = 0;
  EXPECT_EQ(mincore(mapped, kBytes, &resident), 0);
  EXPECT_EQ(munmap(mapped, kBytes), 0);
  return resident & 1U;
}

TEST_F(IoTest, SecretsAreNotInThePageCache) {
  DiskStateDirectory open = DiskStateDirectory::Open(Path("open").c_str()).TakeValue();
  ASSERT_TRUE(open.Replace("a", "text\n").ok());
  EXPECT_EQ(CachedPages(Path("open/a")), 1U);
  DiskStateDirectory secret = DiskStateDirectory::Open(Path("secret").c_str(), FileCache::kBypass).TakeValue();
  const std::string long_text = std::string(5000, 'x') + "\n";
  for (const std::string& text : {std::string("key=value\n"), long_text, std::string(4095, 'y') + "\n"}) {
    ASSERT_TRUE(secret.Replace("a", text).ok());
    EXPECT_EQ(secret.Read("a").value().value(), text);
    struct statfs filesystem {};
    ASSERT_EQ(statfs(path_.c_str(), &filesystem), 0);
    if (filesystem.f_type != TMPFS_MAGIC) EXPECT_EQ(CachedPages(Path("secret/a")), 0U);
  }
  // What others have written is read, too.
  ASSERT_TRUE(ReplaceFileAt(secret.fd(), "b", "key=value\n\n\n").ok());
  EXPECT_EQ(secret.Read("b").value().value(), "key=value\n");
  ASSERT_TRUE(ReplaceFileAt(secret.fd(), "c", "").ok());
  EXPECT_EQ(secret.Read("c").value().value(), "");
  ASSERT_TRUE(ReplaceFileAt(secret.fd(), "d", std::string((size_t{1} << 20) + 1, 'z')).ok());
  EXPECT_FALSE(secret.Read("d").ok());
}

TEST_F(IoTest, SecretsAreOverwrittenWhenTheyGo) {
  DiskStateDirectory secret = DiskStateDirectory::Open(Path("secret").c_str(), FileCache::kBypass).TakeValue();
  const auto contents = [](const UniqueFd& file) {
    std::string text(4096, '?');
    EXPECT_TRUE(PreadFull(file.get(), 0, MutableBytesOf(text)).ok());
    return text;
  };
  ASSERT_TRUE(secret.Replace("a", "key=1\n").ok());
  const UniqueFd first = OpenFile(Path("secret/a").c_str(), O_RDONLY).TakeValue();
  ASSERT_TRUE(secret.Replace("a", "key=2\n").ok());
  const UniqueFd second = OpenFile(Path("secret/a").c_str(), O_RDONLY).TakeValue();
  EXPECT_EQ(contents(first), std::string(4096, '\0'));
  EXPECT_EQ(contents(second).substr(0, 6), "key=2\n");
  ASSERT_TRUE(secret.Remove("a").ok());
  EXPECT_EQ(contents(second), std::string(4096, '\0'));
}

TEST_F(IoTest, StateDirectoryIgnoresWhatAnInterruptedReplaceLeft) {
  DiskStateDirectory state = DiskStateDirectory::Open(Path("state").c_str()).TakeValue();
  ASSERT_TRUE(WriteFull(OpenFile(Path("state/.a.new").c_str(), O_WRONLY | O_CREAT).value().get(),
                        BytesOf(std::string_view("torn")))
                  .ok());
  EXPECT_TRUE(state.List().value().empty());
  ASSERT_TRUE(state.Replace("a", "whole").ok());
  EXPECT_EQ(state.Read("a").value().value(), "whole");
}

TEST_F(IoTest, StateDirectoryMustBePrivate) {
  ASSERT_EQ(mkdir(Path("open").c_str(), 0755), 0);
  const Result<DiskStateDirectory> state = DiskStateDirectory::Open(Path("open").c_str());
  ASSERT_FALSE(state.ok());
  EXPECT_EQ(state.error().code(), ErrorCode::kRefused);
  ASSERT_EQ(symlink("open", Path("link").c_str()), 0);
  EXPECT_FALSE(DiskStateDirectory::Open(Path("link").c_str()).ok());
}

TEST_F(IoTest, FileSourceReadsAndEnds) {
  ASSERT_TRUE(
      WriteFull(OpenFile(Path("f").c_str(), O_WRONLY | O_CREAT).value().get(), BytesOf(std::string_view("0123456789")))
          .ok());
  const FileSource source = FileSource::Open(Path("f").c_str()).TakeValue();
  EXPECT_EQ(source.size(), 10U);
  std::array<uint8_t, 4> bytes{};
  ASSERT_TRUE(source.ReadAt(6, bytes).ok());
  EXPECT_EQ(TextOf(bytes), "6789");
  const Result<> past = source.ReadAt(8, bytes);
  ASSERT_FALSE(past.ok());
  EXPECT_EQ(past.error().code(), ErrorCode::kTruncated);
}

TEST_F(IoTest, FileSourceRefusesWhatIsNoFile) {
  EXPECT_STREQ(FileSource::Open(path_.c_str()).error().text(), "open: Is a directory");
  ASSERT_EQ(mkfifo(Path("fifo").c_str(), 0600), 0);
  EXPECT_STREQ(FileSource::Open(Path("fifo").c_str()).error().text(), "not a regular file");
  EXPECT_EQ(FileSource::Open(Path("none").c_str()).error().os_error(), ENOENT);
}

TEST_F(IoTest, ReadTextFileIsBounded) {
  ASSERT_TRUE(
      WriteFull(OpenFile(Path("f").c_str(), O_WRONLY | O_CREAT).value().get(), BytesOf(std::string(5000, 'x'))).ok());
  EXPECT_EQ(ReadTextFile(Path("f").c_str(), 5000).value().size(), 5000U);
  EXPECT_EQ(ReadTextFile(Path("f").c_str(), 4999).error().code(), ErrorCode::kNoSpace);
}

TEST(MemorySourceTest, ChecksBoundsWithoutOverflow) {
  const std::array<uint8_t, 8> bytes{1, 2, 3, 4, 5, 6, 7, 8};
  const MemorySource source(bytes);
  std::array<uint8_t, 4> out{};
  ASSERT_TRUE(source.ReadAt(4, out).ok());
  EXPECT_EQ(out[3], 8);
  EXPECT_FALSE(source.ReadAt(5, out).ok());
  EXPECT_FALSE(source.ReadAt(UINT64_MAX - 1, out).ok());
}

}  // namespace
}  // namespace crashdump
