// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/swap_header.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "common/base/io.h"
#include "common/storage/blkid_probe.h"
#include "common/testing/fake_block_device.h"
#include "common/testing/swap_builder.h"
#include "common/testing/temp_directory.h"

namespace crashdump {
namespace {

constexpr uint64_t kDeviceBytes = 64 * kMiB;

std::vector<uint8_t> HeadOf(const SwapBuilder& builder) {
  std::vector<uint8_t> head = builder.Build();
  head.resize(kSwapHeadBytes);
  return head;
}

SwapBuilder Swap(uint32_t page_size = 4096) {
  SwapBuilder builder;
  builder.page_size = page_size;
  builder.last_page = static_cast<uint32_t>(kDeviceBytes / page_size - 1);
  return builder;
}

// The one line with which the header is refused; "accepted" if it is not.
std::string Refusal(const std::vector<uint8_t>& head, uint32_t page_size = 4096) {
  const Result<SwapHeader> header = ParseSwapHeader(head, kDeviceBytes, page_size);
  if (header.ok()) return "accepted";
  EXPECT_EQ(header.error().code(), ErrorCode::kRefused);
  return header.error().text();
}

bool Contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(SwapHeader, ParsesEveryPageSize) {
  for (const uint32_t page_size : {4096U, 8192U, 16384U, 32768U, 65536U}) {
    SwapBuilder builder = Swap(page_size);
    builder.label = "swap";
    const Result<SwapHeader> header = ParseSwapHeader(HeadOf(builder), kDeviceBytes, page_size);
    ASSERT_TRUE(header.ok()) << header.error().text();
    EXPECT_EQ(header.value().page_size, page_size);
    EXPECT_EQ(header.value().last_page, builder.last_page);
    EXPECT_EQ(header.value().uuid, builder.uuid);
    EXPECT_EQ(header.value().label, "swap");
    EXPECT_EQ(header.value().end(), kDeviceBytes);
    EXPECT_FALSE(header.value().hidden_from_libblkid);
    EXPECT_EQ(FindSwapPageSize(HeadOf(builder)), page_size);
  }
}

TEST(SwapHeader, RefusesAnotherPageSizeByName) {
  EXPECT_TRUE(Contains(Refusal(HeadOf(Swap(65536))), "pages of 64 KiB, this kernel has pages of 4 KiB"));
  EXPECT_TRUE(Contains(Refusal(HeadOf(Swap(4096)), 65536), "pages of 4 KiB, this kernel has pages of 64 KiB"));
  EXPECT_FALSE(ParseSwapHeader(HeadOf(Swap()), kDeviceBytes, 2048).ok());
  EXPECT_FALSE(ParseSwapHeader(HeadOf(Swap()), kDeviceBytes, 131072).ok());
  EXPECT_FALSE(ParseSwapHeader(HeadOf(Swap()), kDeviceBytes, 5000).ok());
}

TEST(SwapHeader, RefusesWhatIsNoSwap) {
  EXPECT_TRUE(Contains(Refusal(std::vector<uint8_t>(kSwapHeadBytes)), "no SWAPSPACE2"));
  EXPECT_TRUE(Contains(Refusal(std::vector<uint8_t>(4095)), "less than one page"));
  SwapBuilder old = Swap();
  old.magic = "SWAP-SPACE";
  EXPECT_TRUE(Contains(Refusal(HeadOf(old)), "version 0"));
  SwapBuilder version = Swap();
  version.version = 2;
  EXPECT_TRUE(Contains(Refusal(HeadOf(version)), "version 2"));
  SwapBuilder other = Swap();
  other.other_byte_order = true;
  EXPECT_TRUE(Contains(Refusal(HeadOf(other)), "other byte order"));
}

TEST(SwapHeader, RefusesBadPagesAndImpossibleLastPages) {
  SwapBuilder bad = Swap();
  bad.bad_pages = {17, 18};
  EXPECT_TRUE(Contains(Refusal(HeadOf(bad)), "2 bad pages"));
  SwapBuilder empty = Swap();
  empty.last_page = 0;
  EXPECT_TRUE(Contains(Refusal(HeadOf(empty)), "last_page is 0"));
  SwapBuilder beyond = Swap();
  ++beyond.last_page;
  EXPECT_TRUE(Contains(Refusal(HeadOf(beyond)), "beyond the device's end"));
  beyond.last_page = UINT32_MAX;
  EXPECT_TRUE(Contains(Refusal(HeadOf(beyond)), "beyond the device's end"));
}

TEST(SwapHeader, FindsSuspendSignaturesAtEveryPageSize) {
  for (const std::string magic :
       {"S1SUSPEND", "S2SUSPEND", "ULSUSPEND", "LINHIB0001", "\xed\xc3\x02\xe9\x98\x56\xe5\x0c"}) {
    for (const uint32_t page_size : {4096U, 8192U, 16384U, 32768U, 65536U}) {
      // Beside a magic that would otherwise be accepted, except where the signature takes its place.
      std::vector<uint8_t> head = HeadOf(Swap());
      memcpy(head.data() + page_size - 10, magic.data(), magic.size());
      const std::optional<SuspendSignature> found = FindSuspendSignature(head);
      ASSERT_TRUE(found) << magic << " " << page_size;
      EXPECT_EQ(found->offset, page_size - 10);
      EXPECT_TRUE(Contains(Refusal(head), found->name));
      EXPECT_TRUE(Contains(Refusal(head), "hibernation"));
    }
  }
  std::vector<uint8_t> head = HeadOf(Swap());
  memcpy(head.data(), "\xed\xc3\x02\xe9\x98\x56\xe5\x0c", 8);
  ASSERT_TRUE(FindSuspendSignature(head));
  EXPECT_EQ(FindSuspendSignature(head)->name, "TuxOnIce");
  EXPECT_EQ(FindSuspendSignature(head)->offset, 0U);
  EXPECT_FALSE(FindSuspendSignature(HeadOf(Swap())));
  EXPECT_FALSE(FindSuspendSignature({}));
}

TEST(SwapHeader, NotesPaddingThatHidesTheUuid) {
  for (const size_t word : {1196U, 1200U}) {
    std::vector<uint8_t> head = HeadOf(Swap());
    head[word] = 1;
    EXPECT_TRUE(ParseSwapHeader(head, kDeviceBytes, 4096).value().hidden_from_libblkid);
  }
  std::vector<uint8_t> head = HeadOf(Swap());
  head[1195] = head[1204] = 1;
  EXPECT_FALSE(ParseSwapHeader(head, kDeviceBytes, 4096).value().hidden_from_libblkid);
}

class WriteLastPageTest : public testing::TestWithParam<uint32_t> {};

TEST_P(WriteLastPageTest, ChangesFourBytesWithOneWriteAndAFlush) {
  FakeBlockDevice device(kDeviceBytes, GetParam());
  const uint32_t last_page = SwapBuilder().WriteTo(device);
  device.FillRandom({0, 1024}, 5);  // a boot loader's
  const SparseImage before = device.Snapshot();
  ASSERT_TRUE(WriteLastPage(device, last_page, 1000).ok());
  EXPECT_EQ(ReadSwapHeader(device, 4096).value().last_page, 1000U);
  EXPECT_EQ(before.FirstDifference(device.Snapshot(), kDeviceBytes, {{1028, 1032}}), kDeviceBytes);
  EXPECT_EQ(device.CountOf(FakeBlockDevice::Kind::kWrite), 1U);
  EXPECT_EQ(device.unflushed_writes(), 0U);
  for (const auto& operation : device.Log()) {
    if (operation.kind != FakeBlockDevice::Kind::kWrite) continue;
    EXPECT_EQ(operation.range.size(), GetParam());
    EXPECT_TRUE(operation.range.Contains(kLastPageOffset));
  }
  ASSERT_TRUE(WriteLastPage(device, 1000, last_page).ok());
  EXPECT_EQ(before, device.Snapshot()) << "undo restores the header bit by bit";
}

TEST_P(WriteLastPageTest, WritesNothingUnlessLastPageIsTheExpectedOne) {
  FakeBlockDevice device(kDeviceBytes, GetParam());
  const uint32_t last_page = SwapBuilder().WriteTo(device);
  const Result<> refused = WriteLastPage(device, last_page - 1, 1000);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kRefused);
  EXPECT_EQ(device.CountOf(FakeBlockDevice::Kind::kWrite), 0U);
}

TEST_P(WriteLastPageTest, ReportsEveryFailure) {
  using Kind = FakeBlockDevice::Kind;
  for (const Kind kind : {Kind::kRead, Kind::kWrite, Kind::kFlush}) {
    FakeBlockDevice device(kDeviceBytes, GetParam());
    const uint32_t last_page = SwapBuilder().WriteTo(device);
    device.FailAt(kind, 0, FakeBlockDevice::Fault::kError);
    EXPECT_FALSE(WriteLastPage(device, last_page, 1000).ok());
  }
}

INSTANTIATE_TEST_SUITE_P(LogicalBlocks, WriteLastPageTest, testing::Values(512U, 4096U));

// util-linux as the judge: what its mkswap writes is what the parser expects, the builder included, and what is left
// after lowering is still the same swap to libblkid.
class RealMkswap : public testing::TestWithParam<uint32_t> {
 protected:
  static constexpr const char* kUuid = "2b6f0cc9-04d4-4a5b-8f6e-0123456789ab";

  void SetUp() override {
    // mkswap lies outside of a user's PATH.
    const std::string command = "PATH=$PATH:/usr/sbin:/sbin mkswap -q -L judge -U " + std::string(kUuid) + " -p " +
                                std::to_string(GetParam()) + " " + path_ + " 2>/dev/null";
    ASSERT_EQ(system(command.c_str()), 0) << command;
    // In an emulator mkswap is a program of the machine below.
    const UniqueFd fd = OpenFile(path_.c_str(), O_RDONLY).TakeValue();
    uint32_t version = 0;
    ASSERT_EQ(pread(fd.get(), &version, sizeof(version), 1024), 4);
    if (version == 0x01000000) GTEST_SKIP() << "mkswap has the other byte order";
  }

  TempDirectory directory_;
  std::string path_ = directory_.MakeSparseFile("swap", kDeviceBytes);
};

TEST_P(RealMkswap, IsParsedAndStillASwapAfterLowering) {
  const auto device = LinuxBlockDevice::OpenRegularFile(path_.c_str(), OpenMode::kExclusive, 512).TakeValue();
  const Result<SwapHeader> header = ReadSwapHeader(*device, GetParam());
  ASSERT_TRUE(header.ok()) << header.error().text();
  EXPECT_EQ(header.value().end(), kDeviceBytes);
  EXPECT_EQ(FormatUuid(header.value().uuid), kUuid);
  EXPECT_EQ(header.value().label, "judge");
  EXPECT_FALSE(header.value().hidden_from_libblkid);
  ASSERT_TRUE(WriteLastPage(*device, header.value().last_page, 100).ok());
  const UniqueFd fd = OpenFile(path_.c_str(), O_RDONLY).TakeValue();
  const Result<std::optional<FoundSwap>> found = ProbeSwap(fd.get());
  ASSERT_TRUE(found.ok());
  ASSERT_TRUE(found.value());
  EXPECT_EQ(found.value()->type, "swap");
  EXPECT_EQ(FormatUuid(found.value()->uuid), kUuid);
}

TEST_P(RealMkswap, IsWhatTheBuilderBuilds) {
  SwapBuilder builder = Swap(GetParam());
  builder.uuid = ParseUuid(kUuid).TakeValue();
  builder.label = "judge";
  const auto device = LinuxBlockDevice::OpenRegularFile(path_.c_str(), OpenMode::kReadOnly, 512).TakeValue();
  std::vector<uint8_t> page(GetParam());
  ASSERT_TRUE(device->ReadAt(0, page).ok());
  EXPECT_EQ(page, builder.Build());
}

INSTANTIATE_TEST_SUITE_P(PageSizes, RealMkswap, testing::Values(4096U, 8192U, 16384U, 65536U));

}  // namespace
}  // namespace crashdump
