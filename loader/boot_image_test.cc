// SPDX-License-Identifier: GPL-2.0-or-later
// What is handed to kexec_file_load: only what looks like a kernel and an initramfs, joined as the kernel unpacks it.
#include "loader/boot_image.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/base/io.h"
#include "common/testing/temp_directory.h"

namespace crashdump {
namespace {

TEST(OpenKernel, TakesABzImageAndElf) {
  const TempDirectory directory;
  EXPECT_TRUE(OpenKernel(directory.WriteFile("bzImage", std::string(0x202, 'x') + "HdrS")).ok());
  EXPECT_TRUE(OpenKernel(directory.WriteFile("vmlinux", "\177ELF...")).ok());
}

TEST(OpenKernel, RefusesEverythingElse) {
  const TempDirectory directory;
  EXPECT_EQ(OpenKernel(directory.WriteFile("text", "HdrS")).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(OpenKernel(directory.WriteFile("empty", "")).error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(OpenKernel(directory.path()).error().code(), ErrorCode::kInvalidArgument);
  const auto absent = OpenKernel(directory.Path("absent"));
  EXPECT_EQ(absent.error().os_error(), ENOENT);
  EXPECT_NE(std::string(absent.error().text()).find(directory.Path("absent")), std::string::npos);
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
