// SPDX-License-Identifier: GPL-2.0-or-later
// The page tables of x86_64 kernels, over tables made here. The image's mapping: kernel_memory_test.cc.
#include "common/vmcore/x86_64_mappings.h"

#include <gtest/gtest.h>

#include "common/testing/table_pages.h"

namespace crashdump {
namespace {

using testing::TablePages;
using testing::TranslateSpanText;
using testing::TranslateText;
using testing::VmcoreBuilder;

constexpr uint64_t kTablesAt = 0x100000;  // physical; also where phys_base puts the image's first page
constexpr uint64_t kPresent = 1, kLarge = 0x80, kNoExecute = uint64_t{1} << 63;

// Table 0 is the top.
class X86_64MappingsTest : public ::testing::Test {
 protected:
  void Set(uint64_t table, uint64_t index, uint64_t entry) { tables_.Set(table, index, entry); }
  uint64_t At(uint64_t table) const { return tables_.At(table); }
  VmcoreBuilder Build(std::string_view levels, std::string_view sme_mask = "") const {
    VmcoreBuilder builder;
    tables_.AddTo(builder);
    builder.Info("NUMBER(phys_base)", "1048576")
        .Info("SYMBOL(init_top_pgt)", "ffffffff80000000")
        .Info("NUMBER(pgtable_l5_enabled)", levels);
    if (!sme_mask.empty()) builder.Info("NUMBER(sme_mask)", sme_mask);
    return builder;
  }

 private:
  TablePages tables_{kTablesAt, 8};
};

// Its indices are 273, 0, 0, 0.
constexpr uint64_t kDirectMap = 0xffff888000000000;

TEST_F(X86_64MappingsTest, FourLevelsAndEverySizeOfPage) {
  Set(0, 273, At(1) | kPresent | kLarge);  // the level above 1 GiB has no leaves
  Set(1, 0, At(2) | kPresent);
  Set(1, 1, 0x80000000 | kPresent | kLarge | kNoExecute | 0x1000);  // 1 GiB; bit 12 is PAT
  Set(2, 0, At(3) | kPresent);
  Set(2, 1, 0x12600000 | kPresent | kLarge | 0x1000);     // 2 MiB
  Set(3, 5, 0x7654000 | kPresent | kNoExecute | kLarge);  // in the last level bit 7 is PAT
  const VmcoreBuilder vmcore = Build("0");
  EXPECT_EQ(TranslateSpanText(vmcore, kDirectMap + 0x5123), "0x7654123+0xedd");
  EXPECT_EQ(TranslateSpanText(vmcore, kDirectMap + 0x200000 + 0x1fefff), "0x127fefff+0x1001");
  EXPECT_EQ(TranslateText(vmcore, kDirectMap + 0x40000000 + 0x12344678), "0x92344678");
  EXPECT_EQ(TranslateText(vmcore, kDirectMap + 0x6000), "page tables: 0xffff888000006000 is not mapped (level 1)");
  EXPECT_EQ(TranslateText(vmcore, kDirectMap + (uint64_t{1} << 39)),
            "page tables: 0xffff890000000000 is not mapped (level 4)");
  EXPECT_EQ(TranslateText(vmcore, 0x5123), "page tables: 0x5123 is no address of the kernel's");
}

TEST_F(X86_64MappingsTest, FiveLevels) {
  constexpr uint64_t kDirectMap5 = 0xff11000000000000;  // indices 273, 0, 0, 0, 0
  Set(0, 273, At(4) | kPresent);
  Set(4, 0, At(1) | kPresent);
  Set(1, 0, 0x40000000 | kPresent | kLarge);
  EXPECT_EQ(TranslateText(Build("1"), kDirectMap5 + 0x1234), "0x40001234");
  // With four levels that address does not exist.
  EXPECT_EQ(TranslateText(Build("0"), kDirectMap5), "page tables: 0xff11000000000000 is no address of the kernel's");
}

TEST_F(X86_64MappingsTest, TheEncryptionBitIsNoAddressBit) {
  constexpr uint64_t kEncrypted = uint64_t{1} << 47;
  Set(0, 273, At(1) | kPresent | kEncrypted);
  Set(1, 0, 0x40000000 | kPresent | kLarge | kEncrypted);
  EXPECT_EQ(TranslateText(Build("0", std::to_string(kEncrypted)), kDirectMap + 1), "0x40000001");
  EXPECT_EQ(TranslateText(Build("0"), kDirectMap),
            "page table of level 3: physical address 0x800000101000 is not in this vmcore");
}

TEST_F(X86_64MappingsTest, TablesThatPointAtThemselvesEnd) {
  for (uint64_t i = 0; i < 512; ++i) Set(0, i, At(0) | kPresent);
  EXPECT_EQ(TranslateText(Build("0"), kDirectMap + 0x10), "0x100010");
}

TEST_F(X86_64MappingsTest, ATableOutsideTheVmcoreIsAnError) {
  Set(0, 273, 0xdead000 | kPresent);
  EXPECT_EQ(TranslateText(Build("0"), kDirectMap),
            "page table of level 3: physical address 0xdead000 is not in this vmcore");
}

TEST_F(X86_64MappingsTest, KeysAreNeeded) {
  VmcoreBuilder builder;
  EXPECT_EQ(TranslateText(builder, kDirectMap), "VMCOREINFO lacks NUMBER(phys_base)");
  builder.Info("NUMBER(phys_base)", "0");
  EXPECT_EQ(TranslateText(builder, kDirectMap), "VMCOREINFO lacks SYMBOL(init_top_pgt)");
  Set(1, 0, 0x80000000 | kPresent | kLarge);
  Set(0, 273, At(1) | kPresent);
  builder = Build("0").RemoveInfo("SYMBOL(init_top_pgt)").Info("SYMBOL(init_level4_pgt)", "ffffffff80000000");
  EXPECT_EQ(TranslateText(builder, kDirectMap), "0x80000000");
}

}  // namespace
}  // namespace crashdump
