// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/blkid_probe.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "common/base/endian.h"
#include "common/base/io.h"
#include "common/base/units.h"
#include "common/testing/swap_builder.h"
#include "common/testing/temp_directory.h"

namespace crashdump {
namespace {

class BlkidProbe : public testing::Test {
 protected:
  std::optional<FoundSwap> Probe(const std::vector<uint8_t>& content) {
    std::vector<uint8_t> disk = content;
    disk.resize(4 * kMiB);
    const std::string path = directory_.WriteFile("disk", disk);
    const UniqueFd fd = OpenFile(path.c_str(), O_RDONLY).TakeValue();
    return ProbeSwap(fd.get()).TakeValue();
  }

  static SwapBuilder Swap() {
    SwapBuilder builder;
    builder.last_page = 1023;
    return builder;
  }

  TempDirectory directory_;
};

TEST_F(BlkidProbe, SeesASwapAndASuspendedSwap) {
  const std::optional<FoundSwap> swap = Probe(Swap().Build());
  ASSERT_TRUE(swap);
  EXPECT_EQ(swap->type, "swap");
  EXPECT_EQ(swap->uuid, Swap().uuid);
  SwapBuilder suspended = Swap();
  suspended.magic = "S1SUSPEND";
  const std::optional<FoundSwap> found = Probe(suspended.Build());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->type, "swsuspend");
  EXPECT_EQ(found->uuid, Swap().uuid);
}

TEST_F(BlkidProbe, SeesNothingElse) {
  EXPECT_FALSE(Probe({}));
  std::vector<uint8_t> hidden = Swap().Build();
  hidden[1196] = 1;  // padding word 32
  EXPECT_FALSE(Probe(hidden));
  std::vector<uint8_t> ext2(4096);
  ext2[1080] = 0x53;
  ext2[1081] = 0xef;
  EXPECT_FALSE(Probe(ext2));
}

// A partition table of the DOS kind: disk id at 440, four entries of 16 bytes from 446, 55 AA at 510.
TEST_F(BlkidProbe, FindsThePartitionUuidByItsBegin) {
  std::vector<uint8_t> disk(4 * kMiB);
  const auto put = [&disk](size_t offset, uint32_t value) {
    const le32 word = value;
    memcpy(disk.data() + offset, &word, sizeof(word));
  };
  put(440, 0xdeadbeef);
  for (size_t i = 0; i < 2; ++i) {
    disk[446 + 16 * i + 4] = 0x82;
    put(446 + 16 * i + 8, static_cast<uint32_t>(2048 * (i + 1)));
    put(446 + 16 * i + 12, 2048);
  }
  disk[510] = 0x55;
  disk[511] = 0xaa;
  const UniqueFd fd = OpenFile(directory_.WriteFile("disk", disk).c_str(), O_RDONLY).TakeValue();
  EXPECT_EQ(ProbePartitionUuid(fd.get(), 2048).value(), "deadbeef-01");
  EXPECT_EQ(ProbePartitionUuid(fd.get(), 4096).value(), "deadbeef-02");
  EXPECT_EQ(ProbePartitionUuid(fd.get(), 2049).value(), "");
  const UniqueFd empty = OpenFile(directory_.MakeSparseFile("empty", kMiB).c_str(), O_RDONLY).TakeValue();
  EXPECT_EQ(ProbePartitionUuid(empty.get(), 2048).value(), "");
}

TEST_F(BlkidProbe, WhatCannotBeReadIsAnError) {
  const UniqueFd fd = OpenFile(directory_.path().c_str(), O_RDONLY | O_DIRECTORY).TakeValue();
  EXPECT_FALSE(ProbeSwap(fd.get()).ok());
  EXPECT_FALSE(ProbePartitionUuid(fd.get(), 1).ok());
}

}  // namespace
}  // namespace crashdump
