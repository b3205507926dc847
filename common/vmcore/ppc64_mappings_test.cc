// SPDX-License-Identifier: GPL-2.0-or-later
// The addresses of ppc64 kernels of both byte orders: the linear mapping, radix page tables, and the list of struct
// pages of the hash MMU.
#include "common/vmcore/ppc64_mappings.h"

#include <gtest/gtest.h>

#include <cinttypes>

#include "common/testing/table_pages.h"
#include "common/vmcore/kernel_memory.h"
#include "common/vmcore/ppc64_vmemmap_list.h"

namespace crashdump {
namespace {

using testing::TablePages;
using testing::TranslateSpanText;
using testing::TranslateText;
using testing::VmcoreBuilder;

constexpr uint64_t kLinear = 0xc000000000000000;
constexpr uint64_t kVmemmap = 0xc00c000000000000;
constexpr uint64_t kTablesAt = 0x1000000;
constexpr uint64_t kValid = uint64_t{1} << 63, kLeaf = uint64_t{1} << 62, kAttributes = 0x18e;
constexpr ByteOrder kOrders[] = {ByteOrder::kLittle, ByteOrder::kBig};

std::string Hex(uint64_t value) {
  char text[32];
  (void)snprintf(text, sizeof(text), "%" PRIx64, value);
  return text;
}

VmcoreBuilder VmcoreOf(const TablePages& tables, ByteOrder order, const char* page_size) {
  VmcoreBuilder builder;
  builder.Format({order, WordSize::k64}, kElfMachinePpc64).Info("PAGESIZE", page_size);
  tables.AddTo(builder);
  return builder;
}

std::string NoRadix(const std::string& why, const std::string& why_no_list = "VMCOREINFO lacks SYMBOL(vmemmap_list)") {
  return "no radix page tables (" + why + ") and no list of struct pages: " + why_no_list;
}

// --- radix ----------------------------------------------------------------------------------------------------------

// The top table has 16 pages; table n below it is page 16 + n. An entry of a directory says in its lowest bits how
// large the next table is.
class RadixTables {
 public:
  RadixTables() {
    Set(-1, kLinear, 0, Directory(0, 9));
    tables_.Set(16, 0, kValid | kLeaf | kAttributes);  // the first GiB
    Set(-1, kVmemmap, 0, Directory(1, 9));
  }
  uint64_t Directory(uint64_t table, uint64_t bits) const { return kValid | tables_.At(16 + table) | bits; }
  // In the top table the index comes from the address.
  void Set(int table, uint64_t address, uint64_t index, uint64_t entry) {
    if (table < 0) {
      tables_.Set(0, address >> 39 & 0x1fff, entry);
    } else {
      tables_.Set(16 + static_cast<uint64_t>(table), index, entry);
    }
  }
  VmcoreBuilder Build(ByteOrder order, const char* page_size) const {
    VmcoreBuilder builder = VmcoreOf(tables_, order, page_size);
    builder.Info("SYMBOL(swapper_pg_dir)", Hex(kLinear + kTablesAt));
    return builder;
  }

 private:
  TablePages tables_{kTablesAt, 32, 8, ByteOrder::kBig};  // on kernels of both orders
};

TEST(Ppc64Mappings, RadixWithPagesOf64KiB) {
  RadixTables tables;
  tables.Set(1, 0, 3, tables.Directory(2, 9));
  tables.Set(1, 0, 4, 0x0fffc0000000 | kValid | kLeaf | kAttributes);  // 1 GiB
  tables.Set(2, 0, 5, tables.Directory(3, 5));
  tables.Set(2, 0, 6, 0x12200000 | kValid | kLeaf | kAttributes);  // 2 MiB
  tables.Set(3, 0, 31, 0x76540000 | kValid | kLeaf | kAttributes);
  for (const ByteOrder order : kOrders) {
    const VmcoreBuilder vmcore = tables.Build(order, "65536");
    const uint64_t third = kVmemmap + (uint64_t{3} << 30);
    EXPECT_EQ(TranslateSpanText(vmcore, third + (uint64_t{5} << 21) + (uint64_t{31} << 16) + 0x1234),
              "0x76541234+0xedcc");
    EXPECT_EQ(TranslateSpanText(vmcore, third + (uint64_t{6} << 21) + 0x1ffffe), "0x123ffffe+0x2");
    EXPECT_EQ(TranslateText(vmcore, kVmemmap + (uint64_t{4} << 30) + 5), "0xfffc0000005");
    EXPECT_EQ(TranslateText(vmcore, third), "page tables: 0xc00c0000c0000000 is not mapped (level 2)");
    EXPECT_EQ(TranslateText(vmcore, 0xc00a000000000000), "page tables: 0xc00a000000000000 is not mapped (level 4)");
    EXPECT_EQ(TranslateText(vmcore, 0xd000000000000000),
              "page tables: 0xd000000000000000 is no address of the kernel's");
    EXPECT_EQ(TranslateText(vmcore, kLinear + 0x1234), "0x1234");
  }
}

TEST(Ppc64Mappings, RadixWithPagesOf4KiB) {
  RadixTables tables;
  tables.Set(1, 0, 0, tables.Directory(2, 9));
  tables.Set(2, 0, 0, tables.Directory(3, 9));
  tables.Set(3, 0, 511, 0x76545000 | kValid | kLeaf | kAttributes);
  for (const ByteOrder order : kOrders) {
    EXPECT_EQ(TranslateSpanText(tables.Build(order, "4096"), kVmemmap + 0x1ff123), "0x76545123+0xedd");
  }
  EXPECT_EQ(TranslateText(tables.Build(ByteOrder::kLittle, "16384"), kVmemmap),
            NoRadix("pages of 16384 bytes are not known"));
}

TEST(Ppc64Mappings, RadixTablesMustMapThemselves) {
  TablePages tables(kTablesAt, 16, 8, ByteOrder::kBig);
  VmcoreBuilder vmcore = VmcoreOf(tables, ByteOrder::kLittle, "65536");
  vmcore.Info("SYMBOL(swapper_pg_dir)", Hex(kLinear + kTablesAt));
  EXPECT_EQ(TranslateText(vmcore, kVmemmap),
            NoRadix("swapper_pg_dir: page tables: 0xc000000001000000 is not mapped (level 4)"));
  vmcore.Info("SYMBOL(swapper_pg_dir)", "d000000000000000");
  EXPECT_EQ(TranslateText(vmcore, kVmemmap), NoRadix("swapper_pg_dir: 0xd000000000000000 is no address of memory"));
  // Mapped, but elsewhere.
  RadixTables moved;
  moved.Set(0, 0, 0, kValid | kLeaf | kAttributes | 0x40000000);
  EXPECT_EQ(TranslateText(moved.Build(ByteOrder::kBig, "65536"), kVmemmap),
            NoRadix("swapper_pg_dir at 0x1000000 says that it is at 0x41000000"));
}

// --- hash -----------------------------------------------------------------------------------------------------------

constexpr uint64_t kDefinitionBytes = 0x48, kShiftAt = 0x8;
constexpr uint64_t kNextAt = 0, kPhysicalAt = 8, kVirtualAt = 0x10, kEntryBytes = 0x18;

// A kernel whose vmemmap consists of pieces of 16 MiB. Records: page 0 the variables, page 1 the sizes of pages, page 2
// the list.
class HashKernel {
 public:
  explicit HashKernel(ByteOrder order) : order_(order) {
    Store(8, 4, 7);                                          // mmu_vmemmap_psize
    Store(0x1000 + 7 * kDefinitionBytes + kShiftAt, 4, 24);  // mmu_psize_defs[7].shift
  }
  void Store(uint64_t offset, uint32_t size, uint64_t value) { records_.Store(offset, size, value, order_); }
  // In front of what is there, as the kernel does.
  void Add(uint64_t virtual_address, uint64_t physical) {
    const uint64_t at = 0x2000 + count_ * kEntryBytes;
    Store(at + kNextAt, 8, count_ == 0 ? 0 : Address(at - kEntryBytes));
    Store(at + kPhysicalAt, 8, physical);
    Store(at + kVirtualAt, 8, virtual_address);
    Store(0, 8, Address(at));  // vmemmap_list
    ++count_;
  }
  static uint64_t Address(uint64_t offset) { return kLinear + kTablesAt + offset; }
  VmcoreBuilder Build() const {
    VmcoreBuilder builder = VmcoreOf(records_, order_, "65536");
    builder.Info("SYMBOL(vmemmap_list)", Hex(Address(0)))
        .Info("SYMBOL(mmu_vmemmap_psize)", Hex(Address(8)))
        .Info("SYMBOL(mmu_psize_defs)", Hex(Address(0x1000)))
        .Info("SIZE(mmu_psize_def)", std::to_string(kDefinitionBytes))
        .Info("OFFSET(mmu_psize_def.shift)", std::to_string(kShiftAt))
        .Info("OFFSET(vmemmap_backing.list)", std::to_string(kNextAt))
        .Info("OFFSET(vmemmap_backing.phys)", std::to_string(kPhysicalAt))
        .Info("OFFSET(vmemmap_backing.virt_addr)", std::to_string(kVirtualAt));
    return builder;
  }

 private:
  ByteOrder order_;
  TablePages records_{kTablesAt, 8};
  uint64_t count_ = 0;
};

TEST(Ppc64Mappings, TheListOfTheHashMmu) {
  for (const ByteOrder order : kOrders) {
    HashKernel kernel(order);
    kernel.Add(kVmemmap + 0x3000000, 0x5000000);
    kernel.Add(kVmemmap, 0x9000000);
    kernel.Add(kVmemmap + 0x1000000, 0x7000000);
    const VmcoreBuilder vmcore = kernel.Build();
    EXPECT_EQ(TranslateSpanText(vmcore, kVmemmap), "0x9000000+0x1000000");
    EXPECT_EQ(TranslateSpanText(vmcore, kVmemmap + 0x1fffff0), "0x7fffff0+0x10");
    EXPECT_EQ(TranslateText(vmcore, kVmemmap + 0x3000010), "0x5000010");
    for (const uint64_t address : {kVmemmap - 1, kVmemmap + 0x2000000, kVmemmap + 0x4000000}) {
      EXPECT_EQ(TranslateText(vmcore, address), "vmemmap_list has nothing for 0x" + Hex(address));
    }
    // The page tables are there with the hash MMU too, in the same form, but without the linear mapping.
    EXPECT_EQ(TranslateText(kernel.Build().Info("SYMBOL(swapper_pg_dir)", Hex(HashKernel::Address(0x3000))), kVmemmap),
              "0x9000000");
  }
}

TEST(Ppc64Mappings, ListsThatCannotBe) {
  constexpr const char* kNoSymbol = "VMCOREINFO lacks SYMBOL(swapper_pg_dir)";
  HashKernel kernel(ByteOrder::kLittle);
  EXPECT_EQ(TranslateText(kernel.Build(), kVmemmap), NoRadix(kNoSymbol, "vmemmap_list is empty"));
  kernel.Add(kVmemmap, 0x9000000);
  kernel.Store(0x2000 + kNextAt, 8, HashKernel::Address(0x2000));  // in a circle
  EXPECT_EQ(TranslateText(kernel.Build(), kVmemmap), NoRadix(kNoSymbol, "vmemmap_list has more than 65536 entries"));
  kernel.Store(0x2000 + kNextAt, 8, 0x1234);
  EXPECT_EQ(TranslateText(kernel.Build(), kVmemmap),
            NoRadix(kNoSymbol, "vmemmap_list: 0x1244 is no address of memory"));
  kernel.Store(0x1000 + 7 * kDefinitionBytes + kShiftAt, 4, 64);
  EXPECT_EQ(TranslateText(kernel.Build(), kVmemmap), NoRadix(kNoSymbol, "vmemmap of pages of 2^64 bytes"));
  kernel.Store(8, 4, 1000);
  EXPECT_EQ(TranslateText(kernel.Build(), kVmemmap), NoRadix(kNoSymbol, "mmu_vmemmap_psize is 1000"));
  for (const char* key : {"SYMBOL(vmemmap_list)", "SYMBOL(mmu_vmemmap_psize)", "OFFSET(vmemmap_backing.phys)"}) {
    EXPECT_EQ(TranslateText(kernel.Build().RemoveInfo(key), kVmemmap),
              NoRadix(kNoSymbol, std::string("VMCOREINFO lacks ") + key));
  }
}

// --- linear ---------------------------------------------------------------------------------------------------------

TEST(Ppc64Mappings, MemoryIsMappedLinearlyAsFarAsItGoes) {
  TablePages memory(0x10000, 16);
  memory.Store(8, 4, 0x12345678, ByteOrder::kBig);
  const Vmcore vmcore = Vmcore::Open(VmcoreOf(memory, ByteOrder::kBig, "65536").BuildSource()).TakeValue();
  const KernelMemory kernel = KernelMemory::Open(vmcore).TakeValue();
  EXPECT_EQ(kernel.ReadInteger(kLinear + 0x10008, 4).value(), 0x12345678U);
  EXPECT_STREQ(kernel.ReadInteger(kLinear + 0x20000, 4).error().text(),
               "address 0xc000000000020000: not mapped linearly, and: no radix page tables (VMCOREINFO lacks "
               "SYMBOL(swapper_pg_dir)) and no list of struct pages: VMCOREINFO lacks SYMBOL(vmemmap_list)");
}

}  // namespace
}  // namespace crashdump
