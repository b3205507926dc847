// SPDX-License-Identifier: GPL-2.0-or-later
// KernelMemory: the ways from virtual to physical addresses, and reading along them.
#include "common/vmcore/kernel_memory.h"

#include <gtest/gtest.h>

#include <array>

#include "common/testing/vmcore_builder.h"

namespace crashdump {
namespace {

using testing::VmcoreBuilder;

constexpr uint64_t kPage = 4096;
constexpr uint64_t kDirectMap = 0xffff888000000000;

std::vector<uint8_t> Count(size_t bytes) {
  std::vector<uint8_t> data(bytes);
  for (size_t i = 0; i < bytes; ++i) data[i] = static_cast<uint8_t>(i);
  return data;
}

Vmcore Open(const VmcoreBuilder& builder) { return Vmcore::Open(builder.BuildSource()).TakeValue(); }

TEST(KernelMemory, SegmentsWithAddresses) {
  VmcoreBuilder builder;
  builder.AddLoad({.physical = 0x10000, .data = Count(kPage + 100), .virtual_address = kDirectMap + 0x10000});
  const Vmcore vmcore = Open(builder);
  const KernelMemory memory = KernelMemory::Open(vmcore).TakeValue();
  EXPECT_EQ(memory.Translate(kDirectMap + 0x10020).value().address, 0x10020U);
  // Across a page.
  std::array<uint8_t, 8> out{};
  ASSERT_TRUE(memory.Read(kDirectMap + 0x10000 + kPage - 4, out).ok());
  EXPECT_EQ(out, (std::array<uint8_t, 8>{252, 253, 254, 255, 0, 1, 2, 3}));
  EXPECT_EQ(memory.ReadInteger(kDirectMap + 0x10001, 2).value(), 0x0201U);
  EXPECT_EQ(memory.ReadWord(kDirectMap + 0x10000).value(), 0x0706050403020100U);
  EXPECT_EQ(memory.ReadWord(kDirectMap + 0x10000 + kPage + 93).error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(memory.Read(UINT64_MAX - 3, out).ok());
}

TEST(KernelMemory, TheImageThroughPhysBase) {
  VmcoreBuilder builder;
  // As QEMU writes it: without virtual addresses. The image's link address 0xffffffff80000000 + 0x2000000 is at
  // 0x1000000.
  builder.HeaderStyle(VmcoreBuilder::Headers::kQemu)
      .AddLoad({.physical = 0x1000000, .data = Count(kPage)})
      .Info("NUMBER(phys_base)", "-16777216");
  const Vmcore vmcore = Open(builder);
  const KernelMemory memory = KernelMemory::Open(vmcore).TakeValue();
  EXPECT_EQ(memory.ReadInteger(0xffffffff82000005, 1).value(), 5U);
  // Modules are above the image, whose size is 512 MiB unless stated.
  EXPECT_STREQ(memory.Translate(0xffffffffa0000000).error().text(),
               "address 0xffffffffa0000000: not mapped linearly, and: VMCOREINFO lacks SYMBOL(init_top_pgt)");
  builder.Info("NUMBER(KERNEL_IMAGE_SIZE)", "1073741824");
  const Vmcore with_size = Open(builder);
  EXPECT_EQ(KernelMemory::Open(with_size).value().Translate(0xffffffffa0000000).value().address, 0x1f000000U);
}

TEST(KernelMemory, PageTablesWhereNothingElseLeads) {
  VmcoreBuilder builder;
  std::vector<uint8_t> top(2 * kPage);
  StoreInteger(MutableBytes(top).subspan(size_t{273} * 8, 8), 0x1001000 | 1, ByteOrder::kLittle);
  StoreInteger(MutableBytes(top).subspan(kPage, 8), 0x81, ByteOrder::kLittle);  // the first GiB
  builder.AddLoad({.physical = 0x1000000, .data = top})
      .AddLoad({.physical = 0x5000, .data = Count(kPage)})
      .Info("NUMBER(phys_base)", "0")
      .Info("SYMBOL(init_top_pgt)", "ffffffff81000000");
  const Vmcore vmcore = Open(builder);
  const KernelMemory memory = KernelMemory::Open(vmcore).TakeValue();
  EXPECT_EQ(memory.ReadInteger(kDirectMap + 0x5007, 1).value(), 7U);
  EXPECT_STREQ(memory.Translate(0x1000).error().text(),
               "address 0x1000: page tables: 0x1000 is no address of the kernel's");
}

TEST(KernelMemory, AddressesThatAreNone) {
  VmcoreBuilder builder;
  builder.Format({ByteOrder::kLittle, WordSize::k32}, kElfMachine386)
      .AddLoad({.physical = 0x1000, .data = Count(kPage), .virtual_address = 0xc0001000})
      .AddLoad({.physical = 0x40000000, .data = Count(kPage), .virtual_address = 0xffffffff});  // high memory
  const Vmcore vmcore = Open(builder);
  const KernelMemory memory = KernelMemory::Open(vmcore).TakeValue();
  EXPECT_EQ(memory.ReadWord(0xc0001004).value(), 0x07060504U);
  EXPECT_STREQ(memory.Translate(0xffffffff).error().text(),
               "address 0xffffffff: not mapped linearly, and: VMCOREINFO lacks SYMBOL(swapper_pg_dir)");
}

TEST(KernelMemory, NeedsVmcoreinfo) {
  const Vmcore vmcore = Open(VmcoreBuilder().WithoutInfo());
  EXPECT_EQ(KernelMemory::Open(vmcore).error().code(), ErrorCode::kNotFound);
}

TEST(CachedKernelReader, ReadsEachPageOnce) {
  class Counting final : public ByteSource {
   public:
    explicit Counting(std::vector<uint8_t> bytes, unsigned* reads) : bytes_(std::move(bytes)), reads_(reads) {}
    Result<> ReadAt(uint64_t offset, MutableBytes out) const override {
      ++*reads_;
      return MemorySource(bytes_).ReadAt(offset, out);
    }
    uint64_t size() const override { return bytes_.size(); }

   private:
    std::vector<uint8_t> bytes_;
    unsigned* reads_;
  };
  VmcoreBuilder builder;
  builder.AddLoad({.physical = 0x10000, .data = Count(kPage + 100), .virtual_address = kDirectMap});
  unsigned reads = 0;
  const Vmcore vmcore = Vmcore::Open(std::make_unique<Counting>(builder.Build(), &reads)).TakeValue();
  const KernelMemory memory = KernelMemory::Open(vmcore).TakeValue();
  CachedKernelReader reader(memory);
  reads = 0;
  std::array<uint8_t, 4> out{};
  for (uint64_t at = 0; at + 4 <= kPage; at += 4) {
    ASSERT_TRUE(reader.Read(kDirectMap + at, out).ok());
    ASSERT_EQ(out[0], static_cast<uint8_t>(at));
  }
  EXPECT_EQ(reads, 1U);
  // Of the last page only 100 bytes are there.
  ASSERT_TRUE(reader.Read(kDirectMap + kPage - 2, out).ok());
  EXPECT_EQ(out, (std::array<uint8_t, 4>{254, 255, 0, 1}));
  EXPECT_TRUE(reader.Read(kDirectMap + kPage + 96, out).ok());
  EXPECT_FALSE(reader.Read(kDirectMap + kPage + 97, out).ok());
}

}  // namespace
}  // namespace crashdump
