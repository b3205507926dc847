// SPDX-License-Identifier: GPL-2.0-or-later
// What is loaded: only what looks like a kernel and an initramfs, joined as the kernel unpacks it.
#include "loader/boot_image.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/base/io.h"
#include "common/base/units.h"
#include "common/testing/temp_directory.h"
#include "loader/fake_kernel.h"

namespace crashdump {
namespace {

TEST(OpenKernel, TakesAKernelAndSaysWhatItNeeds) {
  const TempDirectory directory;
  const Architecture architecture = FindArchitecture("x86_64").TakeValue();
  const auto kernel = OpenKernel(directory.WriteFile("bzImage", FakeBzImage(WordSize::k64, 1234567)), architecture);
  ASSERT_TRUE(kernel.ok()) << kernel.error().text();
  EXPECT_EQ(kernel.value().size, 2048U);
  EXPECT_EQ(kernel.value().memory, 1234567U);
  EXPECT_EQ(fcntl(kernel.value().fd.get(), F_GETFL) & O_ACCMODE, O_RDONLY);
}

TEST(OpenKernel, RefusesEverythingElseByItsPath) {
  const TempDirectory directory;
  const Architecture architecture = FindArchitecture("x86_64").TakeValue();
  const auto expect_refused = [&](const std::string& path, ErrorCode code) {
    const auto kernel = OpenKernel(path, architecture);
    ASSERT_FALSE(kernel.ok());
    EXPECT_EQ(kernel.error().code(), code);
    EXPECT_NE(std::string(kernel.error().text()).find(path), std::string::npos) << kernel.error().text();
  };
  expect_refused(directory.WriteFile("text", "HdrS"), ErrorCode::kCorrupt);
  expect_refused(directory.path(), ErrorCode::kInvalidArgument);
  expect_refused(directory.MakeSparseFile("large", 4 * kGiB), ErrorCode::kInvalidArgument);
  expect_refused(directory.Path("absent"), ErrorCode::kOs);
}

TEST(OpenInitramfs, TakesCompressedAndPlainArchivesOnly) {
  const TempDirectory directory;
  EXPECT_TRUE(OpenInitramfs(directory.WriteFile("zstd", "\x28\xb5\x2f\xfd...")).ok());
  EXPECT_TRUE(OpenInitramfs(directory.WriteFile("plain", "070701...")).ok());
  EXPECT_EQ(OpenInitramfs(directory.WriteFile("text", "initramfs")).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(OpenInitramfs(directory.WriteFile("empty", "")).error().code(), ErrorCode::kCorrupt);
}

TEST(JoinedInitramfs, IsPaddedToFourBytesAndCannotBeWritten) {
  const TempDirectory directory;
  const BootFile initramfs = OpenInitramfs(directory.WriteFile("i", "070701abc")).TakeValue();
  const auto joined = JoinedInitramfs::Create(initramfs, BytesOf("overlay!"));
  ASSERT_TRUE(joined.ok()) << joined.error().text();
  const int fd = joined.value().file().get();
  struct stat status {};
  ASSERT_EQ(fstat(fd, &status), 0);
  EXPECT_EQ(status.st_size, 20);
  std::string text(20, '?');
  ASSERT_TRUE(PreadFull(fd, 0, MutableBytesOf(text)).ok());
  EXPECT_EQ(text, std::string("070701abc\0\0\0overlay!", 20));
  EXPECT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY) << "kexec_file_load answers ETXTBSY else";
}

TEST(JoinedInitramfs, TheOverlayIsErasedWhenItGoes) {
  const TempDirectory directory;
  const BootFile initramfs = OpenInitramfs(directory.WriteFile("i", "070701abc")).TakeValue();
  UniqueFd file;
  {
    const JoinedInitramfs joined = JoinedInitramfs::Create(initramfs, BytesOf("overlay!")).TakeValue();
    file = UniqueFd(dup(joined.file().get()));
  }
  std::string text(20, '?');
  ASSERT_TRUE(PreadFull(file.get(), 0, MutableBytesOf(text)).ok());
  EXPECT_EQ(text, std::string("070701abc", 9) + std::string(11, '\0'));
}

}  // namespace
}  // namespace crashdump
