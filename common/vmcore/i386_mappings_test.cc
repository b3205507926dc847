// SPDX-License-Identifier: GPL-2.0-or-later
// The page tables of i386 kernels with and without PAE, wherever the kernel splits its addresses.
#include "common/vmcore/i386_mappings.h"

#include <gtest/gtest.h>

#include <cinttypes>

#include "common/testing/table_pages.h"
#include "common/vmcore/kernel_memory.h"

namespace crashdump {
namespace {

using testing::TablePages;
using testing::TranslateSpanText;
using testing::TranslateText;
using testing::VmcoreBuilder;

constexpr uint64_t kTablesAt = 0x800000;
constexpr uint64_t kPresent = 1, kLarge = 0x80, kNoExecute = uint64_t{1} << 63;
constexpr uint64_t kPageOffset = 0xc0000000;

std::string Hex(uint64_t value) {
  char text[32];
  (void)snprintf(text, sizeof(text), "%" PRIx64, value);
  return text;
}

VmcoreBuilder VmcoreOf(const TablePages& tables, uint64_t page_offset, bool is_pae) {
  VmcoreBuilder builder;
  builder.Format({ByteOrder::kLittle, WordSize::k32}, kElfMachine386)
      .Info("SYMBOL(swapper_pg_dir)", Hex(page_offset + kTablesAt));
  if (is_pae) builder.Info("CONFIG_X86_PAE", "y");
  tables.AddTo(builder);
  return builder;
}

// The first 16 MiB of memory are mapped at page_offset by large pages; table 0 is the top, tables 1 and 2 are in use.
TablePages TwoLevels(uint64_t page_offset) {
  TablePages tables(kTablesAt, 4, 4);
  for (uint64_t page = 0; page < 4; ++page) {
    tables.Set(0, (page_offset >> 22) + page, page << 22 | kPresent | kLarge);
  }
  return tables;
}

TablePages Pae(uint64_t page_offset) {
  TablePages tables(kTablesAt, 4);
  tables.Set(0, page_offset >> 30, tables.At(1) | kPresent);
  for (uint64_t page = 0; page < 8; ++page) {
    tables.Set(1, (page_offset >> 21 & 511) + page, page << 21 | kPresent | kLarge | kNoExecute);
  }
  return tables;
}

TEST(I386Mappings, TwoLevels) {
  TablePages tables = TwoLevels(kPageOffset);
  tables.Set(0, 0xf80 >> 2, tables.At(1) | kPresent);  // vmalloc
  tables.Set(1, 7, 0xfffff000 | kPresent | kLarge);    // bit 7 of the last level is PAT; the last page below 4 GiB
  const VmcoreBuilder vmcore = VmcoreOf(tables, kPageOffset, false);
  EXPECT_EQ(TranslateSpanText(vmcore, kPageOffset + 0x423456), "0x423456+0x3dcbaa");
  EXPECT_EQ(TranslateSpanText(vmcore, 0xf8007123), "0xfffff123+0xedd");
  EXPECT_EQ(TranslateText(vmcore, 0xf8008000), "page tables: 0xf8008000 is not mapped (level 1)");
  EXPECT_EQ(TranslateText(vmcore, 0xfe000000), "page tables: 0xfe000000 is not mapped (level 2)");
  EXPECT_EQ(TranslateText(vmcore, 0x1c0000000), "page tables: 0x1c0000000 is no address of the kernel's");
}

TEST(I386Mappings, PaeReachesBeyondFourGibibytes) {
  TablePages tables = Pae(kPageOffset);
  tables.Set(1, 0xf8000000 >> 21 & 511, tables.At(2) | kPresent);
  tables.Set(2, 7, 0xe12345000 | kPresent | kNoExecute);
  tables.Set(1, 0xf8200000 >> 21 & 511, 0xabc200000 | kPresent | kLarge);
  const VmcoreBuilder vmcore = VmcoreOf(tables, kPageOffset, true);
  EXPECT_EQ(TranslateSpanText(vmcore, kPageOffset + 0x423456), "0x423456+0x1dcbaa");
  EXPECT_EQ(TranslateSpanText(vmcore, 0xf8007123), "0xe12345123+0xedd");
  EXPECT_EQ(TranslateText(vmcore, 0xf8200001), "0xabc200001");
}

TEST(I386Mappings, EverySplitOfTheAddressesIsFound) {
  for (const uint64_t page_offset : {0xc0000000U, 0xb0000000U, 0x80000000U, 0x78000000U, 0x40000000U}) {
    SCOPED_TRACE(page_offset);
    EXPECT_EQ(TranslateText(VmcoreOf(TwoLevels(page_offset), page_offset, false), page_offset + 0x1234), "0x1234");
    EXPECT_EQ(TranslateText(VmcoreOf(Pae(page_offset), page_offset, true), page_offset + 0x1234), "0x1234");
  }
}

// kexec-tools states addresses for a split at 3 GiB, whatever the kernel's is.
TEST(I386Mappings, PtLoadsAreNotBelievedWherePageTablesAre) {
  constexpr uint64_t kOther = 0x80000000;
  VmcoreBuilder builder = VmcoreOf(TwoLevels(kOther), kOther, false);
  builder.AddLoad({.physical = 0x1000, .data = std::vector<uint8_t>(4096, 1), .virtual_address = kPageOffset + 0x1000});
  Vmcore vmcore = Vmcore::Open(builder.BuildSource()).TakeValue();
  KernelMemory memory = KernelMemory::Open(vmcore).TakeValue();
  EXPECT_EQ(memory.ReadInteger(kOther + 0x1000, 4).value(), 0x01010101U);
  EXPECT_FALSE(memory.ReadInteger(kPageOffset + 0x1000, 4).ok());
  // Without the tables there is nothing better.
  builder.RemoveInfo("SYMBOL(swapper_pg_dir)");
  vmcore = Vmcore::Open(builder.BuildSource()).TakeValue();
  memory = KernelMemory::Open(vmcore).TakeValue();
  EXPECT_EQ(memory.ReadInteger(kPageOffset + 0x1000, 4).value(), 0x01010101U);
  EXPECT_STREQ(memory.ReadWord(0xf8000000).error().text(),
               "address 0xf8000000: not mapped linearly, and: VMCOREINFO lacks SYMBOL(swapper_pg_dir)");
}

TEST(I386Mappings, TablesThatDoNotMapThemselvesAreNone) {
  constexpr const char* kNowhere = "swapper_pg_dir at 0xc0800000 is at none of the places where it could be";
  TablePages tables(kTablesAt, 4, 4);
  EXPECT_EQ(TranslateText(VmcoreOf(tables, kPageOffset, false), kPageOffset), kNowhere);
  // Mapped, but elsewhere.
  tables.Set(0, kPageOffset >> 22, 0x400000 | kPresent | kLarge);
  tables.Set(0, (kPageOffset >> 22) + 2, 0x400000 | kPresent | kLarge);
  EXPECT_EQ(TranslateText(VmcoreOf(tables, kPageOffset, false), kPageOffset), kNowhere);
  // Those of PAE are not those of two levels.
  EXPECT_EQ(TranslateText(VmcoreOf(Pae(kPageOffset), kPageOffset, false), kPageOffset), kNowhere);
}

// The headers of a file about more than 4 GiB of memory are wider than the machine's words.
TEST(I386Mappings, FilesWith64BitHeaders) {
  VmcoreBuilder builder = VmcoreOf(Pae(kPageOffset), kPageOffset, true);
  builder.Format({}, kElfMachine386)
      .AddLoad({.physical = 0x1000, .data = std::vector<uint8_t>(4096, 1), .virtual_address = kPageOffset + 0x1000})
      .AddLoad({.physical = 0x140000000, .data = std::vector<uint8_t>(4096, 2), .virtual_address = UINT64_MAX});
  const Vmcore vmcore = Vmcore::Open(builder.BuildSource()).TakeValue();
  EXPECT_EQ(vmcore.elf_word(), WordSize::k64);
  EXPECT_EQ(vmcore.format().word, WordSize::k32);
  const KernelMemory memory = KernelMemory::Open(vmcore).TakeValue();
  EXPECT_EQ(memory.ReadWord(kPageOffset + 0x1000).value(), 0x01010101U);
  EXPECT_FALSE(memory.Translate(UINT32_MAX).ok());
  EXPECT_FALSE(memory.Translate(UINT64_MAX).ok());
}

}  // namespace
}  // namespace crashdump
