// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/base/file_sink.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace crashdump {
namespace {

TEST(FileSink, WritesWhereItIsTold) {
  const UniqueFd fd(memfd_create("file", MFD_CLOEXEC));
  FileSink sink(fd.get());
  ASSERT_TRUE(sink.WriteAt(6, BytesOf(std::string_view("world"))).ok());
  ASSERT_TRUE(sink.WriteAt(0, BytesOf(std::string_view("hello"))).ok());
  std::array<uint8_t, 11> bytes{};
  ASSERT_TRUE(PreadFull(fd.get(), 0, bytes).ok());
  EXPECT_EQ(TextOf(bytes), std::string_view("hello\0world", 11));
}

TEST(FileSink, TheLimitIsAFullDisk) {
  const UniqueFd fd(memfd_create("file", MFD_CLOEXEC));
  FileSink sink(fd.get(), 10);
  ASSERT_TRUE(sink.WriteAt(1000, BytesOf(std::string_view("1234567"))).ok());
  const Result<> beyond = sink.WriteAt(0, BytesOf(std::string_view("8901")));
  ASSERT_FALSE(beyond.ok());
  EXPECT_EQ(beyond.error().os_error(), ENOSPC);
  EXPECT_EQ(lseek(fd.get(), 0, SEEK_END), 1007);
  EXPECT_TRUE(sink.WriteAt(0, BytesOf(std::string_view("890"))).ok());
}

}  // namespace
}  // namespace crashdump
