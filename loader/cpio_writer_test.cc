// SPDX-License-Identifier: GPL-2.0-or-later
// CpioWriter: the archive is what cpio(1) and the kernel read.
#include "loader/cpio_writer.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

#include "common/testing/temp_directory.h"

namespace crashdump {
namespace {

std::string OutputOf(const std::string& command) {
  std::string output;
  FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return "popen failed";
  std::array<char, 256> line;
  while (fgets(line.data(), line.size(), pipe) != nullptr) output += line.data();
  if (pclose(pipe) != 0) output += "(failed)";
  return output;
}

void Fill(CpioWriter& cpio) {
  cpio.AddDirectory("overlay");
  cpio.AddFile("overlay/target", BytesOf("four"));
  cpio.AddFile("overlay/modules", BytesOf("virtio_blk\n"));
  cpio.AddFile("overlay/empty", {});
  cpio.Finish();
}

TEST(CpioWriter, IsListedByCpioWithRootOnlyModes) {
  CpioWriter cpio(4096);
  Fill(cpio);
  const TempDirectory directory;
  const std::string path = directory.WriteFile("a.cpio", cpio.bytes());
  EXPECT_EQ(OutputOf("cpio --quiet -t < " + path + " 2>&1"),
            "overlay\noverlay/target\noverlay/modules\noverlay/empty\n");
  const std::string listing = OutputOf("cpio --quiet -tvn < " + path + " 2>&1 | cut -c1-10");
  EXPECT_EQ(listing, "drwx------\n-rw-------\n-rw-------\n-rw-------\n");
}

TEST(CpioWriter, GivesTheContentsBack) {
  CpioWriter cpio(4096);
  Fill(cpio);
  const TempDirectory directory;
  const std::string path = directory.WriteFile("a.cpio", cpio.bytes());
  EXPECT_EQ(OutputOf("cpio --quiet -i --to-stdout overlay/modules < " + path + " 2>&1"), "virtio_blk\n");
}

TEST(CpioWriter, IsReadableBehindAnotherArchive) {
  CpioWriter cpio(4096);
  Fill(cpio);
  EXPECT_EQ(cpio.bytes().size() % 4, 0u);
  EXPECT_EQ(cpio.bytes().size(), CpioWriter::EntryBytes("overlay", 0) + CpioWriter::EntryBytes("overlay/target", 4) +
                                     CpioWriter::EntryBytes("overlay/modules", 11) +
                                     CpioWriter::EntryBytes("overlay/empty", 0) +
                                     CpioWriter::EntryBytes("TRAILER!!!", 0));
}

TEST(CpioWriter, EqualContentsGiveEqualBytes) {
  CpioWriter one(4096);
  CpioWriter two(8192);
  Fill(one);
  Fill(two);
  EXPECT_TRUE(Equal(one.bytes(), two.bytes()));
}

TEST(CpioWriterDeathTest, NeverGrows) {
  CpioWriter cpio(64);
  EXPECT_DEATH(cpio.AddDirectory("overlay"), "");
}

}  // namespace
}  // namespace crashdump
