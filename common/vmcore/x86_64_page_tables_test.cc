// SPDX-License-Identifier: GPL-2.0-or-later
// X86_64PageTables over tables made here.
#include "common/vmcore/x86_64_page_tables.h"

#include <gtest/gtest.h>

#include <vector>

#include "common/testing/vmcore_builder.h"

namespace crashdump {
namespace {

using testing::VmcoreBuilder;

constexpr uint64_t kPage = 4096;
constexpr uint64_t kTablesAt = 0x100000;  // physical; also where phys_base puts the image's first page
constexpr uint64_t kPresent = 1, kLarge = 0x80, kNoExecute = uint64_t{1} << 63;

// Eight table pages; table 0 is the top.
class Tables {
 public:
  Tables() : bytes_(8 * kPage) {}
  void Set(uint64_t table, uint64_t index, uint64_t entry) {
    StoreInteger(MutableBytes(bytes_).subspan(table * kPage + index * 8, 8), entry, ByteOrder::kLittle);
  }
  static uint64_t At(uint64_t table) { return kTablesAt + table * kPage; }

  Vmcore Build(std::string_view levels, std::string_view sme_mask = "") const {
    VmcoreBuilder builder;
    builder.AddLoad({.physical = kTablesAt, .data = bytes_})
        .Info("NUMBER(phys_base)", "1048576")
        .Info("SYMBOL(init_top_pgt)", "ffffffff80000000")
        .Info("NUMBER(pgtable_l5_enabled)", levels);
    if (!sme_mask.empty()) builder.Info("NUMBER(sme_mask)", sme_mask);
    return Vmcore::Open(builder.BuildSource()).TakeValue();
  }

 private:
  std::vector<uint8_t> bytes_;
};

uint64_t Translate(const Vmcore& vmcore, uint64_t address) {
  const Result<X86_64PageTables> tables = X86_64PageTables::Open(vmcore, *vmcore.vmcoreinfo());
  EXPECT_TRUE(tables.ok());
  const Result<PhysicalSpan> physical = tables.value().Translate(address);
  EXPECT_TRUE(physical.ok()) << (physical.ok() ? "" : physical.error().text());
  return physical.ok() ? physical.value().address : 0;
}

std::string TranslateError(const Vmcore& vmcore, uint64_t address) {
  const Result<X86_64PageTables> tables = X86_64PageTables::Open(vmcore, *vmcore.vmcoreinfo());
  const Result<PhysicalSpan> physical = tables.value().Translate(address);
  return physical.ok() ? "" : physical.error().text();
}

// 0xffff888000000000 has the indices 273, 0, 0, 0.
constexpr uint64_t kDirectMap = 0xffff888000000000;

TEST(X86_64PageTables, FourLevelsAndEverySizeOfPage) {
  Tables tables;
  tables.Set(0, 273, Tables::At(1) | kPresent | kLarge);  // the level above 1 GiB has no leaves
  tables.Set(1, 0, Tables::At(2) | kPresent);
  tables.Set(1, 1, 0x80000000 | kPresent | kLarge | kNoExecute | 0x1000);  // 1 GiB; bit 12 is PAT
  tables.Set(2, 0, Tables::At(3) | kPresent);
  tables.Set(2, 1, 0x12600000 | kPresent | kLarge | 0x1000);     // 2 MiB
  tables.Set(3, 5, 0x7654000 | kPresent | kNoExecute | kLarge);  // in the last level bit 7 is PAT
  const Vmcore vmcore = tables.Build("0");
  EXPECT_EQ(Translate(vmcore, kDirectMap + 0x5123), 0x7654123U);
  EXPECT_EQ(Translate(vmcore, kDirectMap + 0x200000 + 0x1fefff), 0x127fefffU);
  EXPECT_EQ(Translate(vmcore, kDirectMap + 0x40000000 + 0x12344678), 0x92344678U);
  EXPECT_EQ(TranslateError(vmcore, kDirectMap + 0x6000), "page tables: 0xffff888000006000 is not mapped (level 1)");
  EXPECT_EQ(TranslateError(vmcore, kDirectMap + (uint64_t{1} << 39)),
            "page tables: 0xffff890000000000 is not mapped (level 4)");
}

TEST(X86_64PageTables, FiveLevels) {
  Tables tables;
  constexpr uint64_t kDirectMap5 = 0xff11000000000000;  // indices 273, 0, 0, 0, 0
  tables.Set(0, 273, Tables::At(4) | kPresent);
  tables.Set(4, 0, Tables::At(1) | kPresent);
  tables.Set(1, 0, 0x40000000 | kPresent | kLarge);
  const Vmcore vmcore = tables.Build("1");
  EXPECT_EQ(Translate(vmcore, kDirectMap5 + 0x1234), 0x40001234U);
  // With four levels that address does not exist.
  EXPECT_EQ(TranslateError(tables.Build("0"), kDirectMap5),
            "page tables: 0xff11000000000000 is no address of a machine with 4 levels");
}

TEST(X86_64PageTables, TheEncryptionBitIsNoAddressBit) {
  Tables tables;
  constexpr uint64_t kEncrypted = uint64_t{1} << 47;
  tables.Set(0, 273, Tables::At(1) | kPresent | kEncrypted);
  tables.Set(1, 0, 0x40000000 | kPresent | kLarge | kEncrypted);
  EXPECT_EQ(Translate(tables.Build("0", std::to_string(kEncrypted)), kDirectMap + 1), 0x40000001U);
  EXPECT_NE(TranslateError(tables.Build("0"), kDirectMap), "");
}

TEST(X86_64PageTables, TablesThatPointAtThemselvesEnd) {
  Tables tables;
  for (uint64_t i = 0; i < 512; ++i) tables.Set(0, i, Tables::At(0) | kPresent);
  EXPECT_EQ(Translate(tables.Build("0"), kDirectMap + 0x10), Tables::At(0) + 0x10);
}

TEST(X86_64PageTables, ATableOutsideTheVmcoreIsAnError) {
  Tables tables;
  tables.Set(0, 273, 0xdead000 | kPresent);
  EXPECT_EQ(TranslateError(tables.Build("0"), kDirectMap),
            "page table of level 3: physical address 0xdead000 is not in this vmcore");
}

TEST(X86_64PageTables, KeysAreNeeded) {
  VmcoreBuilder builder;
  Vmcore vmcore = Vmcore::Open(builder.BuildSource()).TakeValue();
  EXPECT_STREQ(X86_64PageTables::Open(vmcore, *vmcore.vmcoreinfo()).error().text(),
               "VMCOREINFO lacks NUMBER(phys_base)");
  builder.Info("NUMBER(phys_base)", "0");
  vmcore = Vmcore::Open(builder.BuildSource()).TakeValue();
  EXPECT_STREQ(X86_64PageTables::Open(vmcore, *vmcore.vmcoreinfo()).error().text(),
               "VMCOREINFO lacks SYMBOL(init_top_pgt)");
  builder.Info("SYMBOL(init_level4_pgt)", "ffffffff80000000");
  vmcore = Vmcore::Open(builder.BuildSource()).TakeValue();
  EXPECT_TRUE(X86_64PageTables::Open(vmcore, *vmcore.vmcoreinfo()).ok());
}

}  // namespace
}  // namespace crashdump
