// SPDX-License-Identifier: GPL-2.0-or-later
// On regular files; real devices, with the kernel's own checks, are in qemu-tests.
#include "common/storage/block_device.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/testing/temp_directory.h"

namespace crashdump {
namespace {

std::vector<uint8_t> Pattern(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 7 + i / 256);
  return bytes;
}

class BlockDeviceOfFile : public testing::TestWithParam<uint32_t> {
 protected:
  static constexpr size_t kSize = 256 * kKiB;

  std::unique_ptr<LinuxBlockDevice> Open(OpenMode mode) {
    return LinuxBlockDevice::OpenRegularFile(path_.c_str(), mode, GetParam()).TakeValue();
  }

  TempDirectory directory_;
  std::vector<uint8_t> content_ = Pattern(kSize);
  std::string path_ = directory_.WriteFile("disk", content_);
};

TEST_P(BlockDeviceOfFile, ReadsAnyOffsetAndLength) {
  const auto device = Open(OpenMode::kReadOnly);
  EXPECT_EQ(device->size(), kSize);
  EXPECT_EQ(device->logical_block_size(), GetParam());
  for (const size_t offset : {size_t{0}, size_t{1}, size_t{511}, size_t{4096}, size_t{65535}, kSize - 70001}) {
    for (const size_t length : {size_t{0}, size_t{1}, size_t{513}, size_t{4096}, size_t{65536}, size_t{70001}}) {
      std::vector<uint8_t> out(length);
      const Result<> read = device->ReadAt(offset, out);
      ASSERT_TRUE(read.ok()) << read.error().text();
      EXPECT_TRUE(Equal(out, Bytes(content_).subspan(offset, length))) << offset << " " << length;
    }
  }
  const AlignedMemory buffer = AllocateAligned(8192).TakeValue();
  ASSERT_TRUE(device->ReadAt(4096, {buffer.get(), 8192}).ok());
  EXPECT_TRUE(Equal({buffer.get(), 8192}, Bytes(content_).subspan(4096, 8192)));
}

TEST_P(BlockDeviceOfFile, ReadPastTheEndNamesTheOffset) {
  const auto device = Open(OpenMode::kReadOnly);
  std::vector<uint8_t> out(2);
  const Result<> read = device->ReadAt(kSize - 1, out);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), ErrorCode::kTruncated);
  EXPECT_NE(std::string(read.error().text()).find(std::to_string(kSize - 1)), std::string::npos);
  EXPECT_FALSE(device->ReadAt(UINT64_MAX, out).ok());
}

TEST_P(BlockDeviceOfFile, WritesWholeBlocksFromAnyMemory) {
  const auto device = Open(OpenMode::kExclusive);
  std::vector<uint8_t> memory(2 * kDiskUnit + 96 * kKiB + 1, 0x5a);
  const Bytes unaligned(memory.data() + 1, 96 * kKiB);
  ASSERT_TRUE(device->WriteAt(8192, unaligned).ok());
  const AlignedMemory buffer = AllocateAligned(kDiskUnit).TakeValue();
  memset(buffer.get(), 0xa5, kDiskUnit);
  ASSERT_TRUE(device->WriteAt(4096, {buffer.get(), kDiskUnit}).ok());
  ASSERT_TRUE(device->Flush().ok());
  memcpy(content_.data() + 8192, unaligned.data(), unaligned.size());
  memset(content_.data() + 4096, 0xa5, kDiskUnit);
  std::vector<uint8_t> out(kSize);
  ASSERT_TRUE(Open(OpenMode::kReadOnly)->ReadAt(0, out).ok());
  EXPECT_EQ(out, content_);
}

TEST_P(BlockDeviceOfFile, RefusesOtherWritesAndChangesNothing) {
  const auto device = Open(OpenMode::kExclusive);
  const std::vector<uint8_t> block(GetParam(), 1);
  const Bytes part = Bytes(block).first(block.size() - 1);
  EXPECT_EQ(device->WriteAt(1, block).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(device->WriteAt(0, part).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(device->WriteAt(kSize, block).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(device->WriteAt(UINT64_MAX - GetParam() + 1, block).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Open(OpenMode::kReadOnly)->WriteAt(0, block).error().code(), ErrorCode::kRefused);
  std::vector<uint8_t> out(kSize);
  ASSERT_TRUE(device->ReadAt(0, out).ok());
  EXPECT_EQ(out, content_);
}

INSTANTIATE_TEST_SUITE_P(LogicalBlocks, BlockDeviceOfFile, testing::Values(512U, 4096U));

TEST(LinuxBlockDevice, TakesNoFileForADeviceNorADeviceForAFile) {
  const TempDirectory directory;
  const std::string file = directory.WriteFile("file", std::string(4096, 'x'));
  EXPECT_EQ(LinuxBlockDevice::Open(file.c_str(), OpenMode::kReadOnly).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(LinuxBlockDevice::Open("/dev/null", OpenMode::kReadOnly).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(LinuxBlockDevice::OpenRegularFile("/dev/null", OpenMode::kReadOnly, 512).error().code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(LinuxBlockDevice::Open(directory.Path("none").c_str(), OpenMode::kReadOnly).error().os_error(), ENOENT);
  const std::string fifo = directory.Path("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_FALSE(LinuxBlockDevice::Open(fifo.c_str(), OpenMode::kReadOnly).ok()) << "and does not wait for a writer";
}

TEST(LinuxBlockDevice, RefusesBlocksItCannotWrite) {
  const TempDirectory directory;
  const std::string file = directory.MakeSparseFile("file", 64 * kKiB + 512);
  for (const uint32_t size : {0U, 256U, 520U, 8192U}) {
    EXPECT_EQ(LinuxBlockDevice::OpenRegularFile(file.c_str(), OpenMode::kReadOnly, size).error().code(),
              ErrorCode::kUnsupported);
  }
  EXPECT_EQ(LinuxBlockDevice::OpenRegularFile(file.c_str(), OpenMode::kReadOnly, 4096).error().code(),
            ErrorCode::kInvalidArgument);
  EXPECT_TRUE(LinuxBlockDevice::OpenRegularFile(file.c_str(), OpenMode::kReadOnly, 512).ok());
}

}  // namespace
}  // namespace crashdump
