// SPDX-License-Identifier: GPL-2.0-or-later
// The classes of pages on kernels of every version and memory model, and what happens when their records are damaged.
#include "common/vmcore/struct_page_classifier.h"

#include <gtest/gtest.h>

#include "common/testing/kernel_builder.h"
#include "common/vmcore/open_classifier.h"

namespace crashdump {
namespace {

using testing::kAllEras;
using testing::kAllMachines;
using testing::kAllModels;
using testing::KernelBuilder;
using testing::KernelEra;
using testing::KernelMachine;
using testing::MemoryModel;
using testing::VmcoreBuilder;

constexpr uint64_t kPages = KernelBuilder::kPages;

// Pages of every use.
KernelBuilder MakeMachine(KernelEra era, MemoryModel model = MemoryModel::kVmemmap,
                          KernelMachine machine = KernelMachine::kX8664) {
  KernelBuilder kernel(era, model, machine);
  kernel.Free(16, 4);
  kernel.Free(33, 0);
  kernel.Slab(40, 0);
  kernel.Slab(48, 3);
  kernel.PageTable(60);
  kernel.Anonymous(61);
  kernel.SwapCache(62);
  kernel.SharedByKsm(63);
  kernel.KernelCompound(64, 5);
  kernel.Cache(96);
  kernel.PrivateCache(97);
  kernel.SharedMemorySwapCache(98);
  kernel.OtherUseOfSwapCacheFlag(99);
  kernel.Offline(100);
  kernel.Cache(102);
  kernel.Poison(102);
  kernel.Poison(103);
  kernel.Cache(128, 4);
  kernel.Poison(135);  // one page of a large folio
  kernel.Anonymous(256, 7);
  kernel.Hugetlb(512, 9);  // a section of its own
  kernel.Free(1024, 9);
  kernel.Hugetlb(1536, 7);
  return kernel;
}

struct Classified {
  std::vector<PageClass> classes;
  PageCounts counts{};
  std::vector<std::string> notes;
  std::vector<std::string> remarks;
  std::vector<std::string> doubts;
};

Classified Classify(const Vmcore& vmcore, uint64_t step = kPages) {
  const PhysicalMemory memory(vmcore);
  const OpenedClassifier opened = OpenClassifier(vmcore, memory);
  Classified result;
  result.classes.resize(kPages);
  OpenBlock open;
  for (uint64_t pfn = 0; pfn < kPages; pfn += step) {
    const uint64_t end = std::min(pfn + step, kPages);
    opened.classifier->Classify({pfn, end}, open, std::span(result.classes).subspan(pfn, end - pfn));
  }
  for (const PageClass page_class : result.classes) ++result.counts[static_cast<size_t>(page_class)];
  result.notes = opened.classifier->notes();
  result.remarks = opened.classifier->Remarks();
  result.doubts = opened.classifier->Doubts(result.counts);
  return result;
}

void ExpectClasses(const std::vector<PageClass>& actual, const std::vector<PageClass>& expected) {
  for (uint64_t pfn = 0; pfn < expected.size(); ++pfn) {
    ASSERT_STREQ(PageClassName(actual[pfn]), PageClassName(expected[pfn])) << "page frame " << pfn;
  }
}

TEST(StructPageClassifier, EveryUseOnEveryEra) {
  for (const KernelEra era : kAllEras) {
    SCOPED_TRACE(static_cast<int>(era));
    KernelBuilder kernel = MakeMachine(era);
    const Classified found = Classify(kernel.Open());
    ExpectClasses(found.classes, kernel.classes());
    EXPECT_TRUE(found.notes.empty()) << found.notes[0];
    EXPECT_TRUE(found.doubts.empty()) << found.doubts[0];
  }
}

TEST(StructPageClassifier, EveryMemoryModelOnEveryMachine) {
  for (const KernelMachine machine : kAllMachines) {
    for (const MemoryModel model : kAllModels) {
      if (!HasModel(machine, model)) continue;
      for (const KernelEra era : {KernelEra::kLinux54, KernelEra::kLinux71}) {
        for (const bool has_addresses : {true, false}) {
          SCOPED_TRACE(std::to_string(static_cast<int>(machine)) + ", " + std::to_string(static_cast<int>(model)));
          KernelBuilder kernel = MakeMachine(era, model, machine);
          if (!has_addresses) kernel.StateNoAddresses();
          const Classified found = Classify(kernel.Open());
          ExpectClasses(found.classes, kernel.classes());
          EXPECT_TRUE(found.notes.empty()) << found.notes[0];
        }
      }
    }
  }
}

// Kernels that do not tell how large sections are and where memory ends: the length of mem_section decides.
TEST(StructPageClassifier, SectionsOfMachinesThatDoNotTell) {
  const struct {
    KernelMachine machine;
    MemoryModel model;
    PhysicalBits bits;
  } cases[] = {{KernelMachine::kX8664, MemoryModel::kVmemmap, {27, 46}},
               {KernelMachine::kX8664, MemoryModel::kVmemmap, {27, 52}},
               {KernelMachine::kI386, MemoryModel::kSparseOneLevel, {26, 32}},
               {KernelMachine::kI386Pae, MemoryModel::kSparseOneLevel, {29, 36}},
               {KernelMachine::kPpc64leRadix, MemoryModel::kVmemmap, {24, 51}},
               {KernelMachine::kPpc64leHash, MemoryModel::kVmemmap, {24, 47}},
               {KernelMachine::kPpc64Radix, MemoryModel::kSparseTwoLevel, {24, 46}},
               {KernelMachine::kPpc64Hash, MemoryModel::kVmemmap, {24, 44}}};
  for (const auto& [machine, model, bits] : cases) {
    SCOPED_TRACE(bits.memory);
    KernelBuilder kernel = MakeMachine(KernelEra::kLinux54, model, machine);
    kernel.KeepSectionsUntold(bits);
    const Vmcore vmcore = kernel.Open();
    ExpectClasses(Classify(vmcore).classes, kernel.classes());
    const PhysicalMemory memory(vmcore);
    const KernelMemory kernel_memory = KernelMemory::Open(vmcore).TakeValue();
    MemoryMap map = MemoryMap::Open(kernel_memory, memory, 64).TakeValue();
    EXPECT_EQ(map.Find(0).pfns, (Range{0, uint64_t{1} << (bits.section - 12)}));
  }
}

TEST(StructPageClassifier, TheSameInAnySteps) {
  KernelBuilder kernel = MakeMachine(KernelEra::kLinux612);
  const Vmcore vmcore = kernel.Open();
  for (const uint64_t step : {1U, 7U, 100U, 512U, 1000U}) {
    SCOPED_TRACE(step);
    ExpectClasses(Classify(vmcore, step).classes, kernel.classes());
  }
}

TEST(StructPageClassifier, FromAnyPlaceWithItsOpenBlock) {
  KernelBuilder kernel = MakeMachine(KernelEra::kLinux66);
  const Vmcore vmcore = kernel.Open();
  const PhysicalMemory memory(vmcore);
  const OpenedClassifier opened = OpenClassifier(vmcore, memory);
  std::vector<PageClass> classes(300);
  OpenBlock open;
  opened.classifier->Classify({0, 300}, open, classes);
  EXPECT_EQ(open.end_pfn, 384U);
  const OpenBlock at_300 = open;
  for (int round = 0; round < 2; ++round) {
    open = at_300;
    opened.classifier->Classify({300, 600}, open, classes);
    ExpectClasses(classes, {kernel.classes().begin() + 300, kernel.classes().begin() + 600});
  }
}

TEST(StructPageClassifier, UnacceptedMemoryIsFree) {
  KernelBuilder kernel(KernelEra::kLinux616);
  kernel.Unaccepted(0);
  ExpectClasses(Classify(kernel.Open()).classes, kernel.classes());
}

TEST(StructPageClassifier, HugePagesWhoseStructPagesAreOnePage) {
  for (const KernelEra era : kAllEras) {
    KernelBuilder kernel(era);
    kernel.HugetlbOnOneMapPage(512, 9);
    const Classified found = Classify(kernel.Open());
    ExpectClasses(found.classes, kernel.classes());
    EXPECT_TRUE(found.doubts.empty());
  }
}

TEST(StructPageClassifier, DataInTheLowBytesOfATypeDoesNotHideIt) {
  KernelBuilder kernel(KernelEra::kLinux612);
  kernel.Slab(8, 1);
  kernel.SetField(8, "mapcount", LoadInteger(kernel.Field(8, "mapcount"), ByteOrder::kLittle) | 0x123456);
  ExpectClasses(Classify(kernel.Open()).classes, kernel.classes());
}

// --- damage
// ------------------------------------------------------------------------------------------------------------

TEST(StructPageClassifier, AFreeBlockWithAUsedPageInItEndsThere) {
  KernelBuilder kernel(KernelEra::kLinux612);
  kernel.Free(64, 4);
  kernel.SetField(70, "refcount", 1);
  const Classified found = Classify(kernel.Open());
  for (uint64_t pfn = 64; pfn < 80; ++pfn) {
    EXPECT_EQ(found.classes[pfn], pfn < 70 ? PageClass::kFree : PageClass::kKernel) << pfn;
  }
}

TEST(StructPageClassifier, ACompoundPageEndsWhereItsPagesSaySo) {
  KernelBuilder kernel(KernelEra::kLinux54);
  kernel.Anonymous(64, 2);
  kernel.SetField(65, "order", 6);  // 64 pages, by what the second one says
  kernel.Slab(68, 1);
  const Classified found = Classify(kernel.Open());
  EXPECT_EQ(found.classes[67], PageClass::kUser);
  for (uint64_t pfn = 68; pfn < 128; ++pfn) EXPECT_EQ(found.classes[pfn], PageClass::kKernel) << pfn;
}

TEST(StructPageClassifier, APoisonedPageTakesNoOtherWithIt) {
  KernelBuilder kernel(KernelEra::kLinux612);
  kernel.Slab(64, 3);
  kernel.Poison(64);  // the first page, which speaks for the block
  kernel.Cache(96, 2);
  kernel.Poison(96);
  kernel.Free(128, 3);
  kernel.Poison(128);
  kernel.Cache(160, 2);
  kernel.SetField(160, "compound", 1);  // a page without a first one
  kernel.Poison(160);
  const Classified found = Classify(kernel.Open());
  for (const uint64_t pfn : {64U, 96U, 128U, 160U}) EXPECT_EQ(found.classes[pfn], PageClass::kNeverRead) << pfn;
  for (uint64_t pfn = 65; pfn < 72; ++pfn) EXPECT_EQ(found.classes[pfn], PageClass::kKernel) << pfn;
  for (uint64_t pfn = 97; pfn < 100; ++pfn) EXPECT_EQ(found.classes[pfn], PageClass::kCacheClean) << pfn;
  for (uint64_t pfn = 129; pfn < 136; ++pfn) EXPECT_EQ(found.classes[pfn], PageClass::kFree) << pfn;
}

TEST(StructPageClassifier, OrdersThatCannotBeAreNotBelieved) {
  for (const uint64_t order : {uint64_t{KernelBuilder::kFreeOrders}, uint64_t{64}, UINT64_MAX}) {
    KernelBuilder kernel(KernelEra::kLinux612);
    kernel.Free(64, 1);
    kernel.SetField(64, "private", order);
    EXPECT_EQ(Classify(kernel.Open()).classes[64], PageClass::kUnclassified) << order;
  }
  KernelBuilder unaligned(KernelEra::kLinux612);
  unaligned.Free(66, 1);
  unaligned.SetField(66, "private", 4);
  EXPECT_EQ(Classify(unaligned.Open()).classes[66], PageClass::kUnclassified);
  for (const uint64_t order : {23U, 64U, 255U}) {
    KernelBuilder kernel(KernelEra::kLinux612);
    kernel.Cache(64, 1);
    kernel.SetField(65, "flags", order);
    const Classified found = Classify(kernel.Open());
    EXPECT_EQ(found.classes[64], PageClass::kUnclassified) << order;
    EXPECT_EQ(found.classes[65], PageClass::kUnclassified) << order;
  }
}

TEST(StructPageClassifier, WithoutReadableStructPagesPagesAreUnclassified) {
  KernelBuilder kernel(KernelEra::kLinux612);
  kernel.Free(0, 10);
  auto source = kernel.Finish().BuildSource();
  const Vmcore whole = Vmcore::Open(kernel.Finish().BuildSource()).TakeValue();
  const PhysicalMemory memory(whole);
  // The struct pages of pages 64 to 127.
  const uint64_t map_page = KernelBuilder::kRecordsPfn + 1;
  const uint64_t at = memory.Find(map_page)->file_offset + map_page * KernelBuilder::kPageBytes;
  source->FailAt({at, at + KernelBuilder::kPageBytes});
  const Classified found = Classify(Vmcore::Open(std::move(source)).TakeValue());
  for (uint64_t pfn = 0; pfn < 1024; ++pfn) {
    const bool unreadable = pfn >= 64 && pfn < 128;
    EXPECT_EQ(found.classes[pfn], unreadable ? PageClass::kUnclassified : PageClass::kFree) << pfn;
  }
  ASSERT_EQ(found.remarks.size(), 1U);
  EXPECT_EQ(found.remarks[0], "the struct pages of 64 pages cannot be read: these pages are kept");
}

TEST(StructPageClassifier, DoubtsWhatCannotBe) {
  KernelBuilder none(KernelEra::kLinux612);
  none.SetFreeCount(20000);
  PageCounts large{};
  large[static_cast<size_t>(PageClass::kKernel)] = 100000;
  const Vmcore vmcore = none.Open();
  const PhysicalMemory memory(vmcore);
  const OpenedClassifier opened = OpenClassifier(vmcore, memory);
  ASSERT_EQ(opened.classifier->Doubts(large).size(), 1U);
  EXPECT_EQ(opened.classifier->Doubts(large)[0], "only 0 free pages were found, where the kernel counts 20000");
  large[static_cast<size_t>(PageClass::kFree)] = 60000;
  EXPECT_EQ(opened.classifier->Doubts(large)[0], "60000 free pages were found, but the kernel counts 20000");

  KernelBuilder contradictory(KernelEra::kLinux612);
  for (uint64_t pfn = 0; pfn < 64; pfn += 2) {
    contradictory.Free(pfn, 1);
    contradictory.SetField(pfn + 1, "refcount", 1);
  }
  const Classified found = Classify(contradictory.Open());
  ASSERT_EQ(found.doubts.size(), 1U);
  EXPECT_EQ(found.doubts[0], "32 of 32 blocks of pages contradict themselves");
}

// --- missing facts
// -----------------------------------------------------------------------------------------------------

// The same vmcore without one VMCOREINFO key.
Vmcore Without(KernelBuilder& kernel, std::string_view key) {
  VmcoreBuilder builder = kernel.Finish();
  builder.RemoveInfo(key);
  return Vmcore::Open(builder.BuildSource()).TakeValue();
}

TEST(StructPageClassifier, EachMissingKeyKeepsMoreAndNoPageIsLost) {
  const char* const keys[] = {
      "SIZE(page)",
      "OFFSET(page.flags)",
      "OFFSET(page._refcount)",
      "OFFSET(page.mapping)",
      "OFFSET(page._mapcount)",
      "OFFSET(page.private)",
      "OFFSET(page.compound_head)",
      "NUMBER(PG_lru)",
      "NUMBER(PG_private)",
      "NUMBER(PG_swapcache)",
      "NUMBER(PG_swapbacked)",
      "NUMBER(PG_head_mask)",
      "NUMBER(PG_slab)",
      "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)",
      "NUMBER(HUGETLB_PAGE_DTOR)",
      "OFFSET(page.compound_order)",
      "OFFSET(page.compound_dtor)",
      "LENGTH(zone.free_area)",
      "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)",
      "NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)",
      "SYMBOL(mem_section)",
      "SIZE(mem_section)",
      "OFFSET(mem_section.section_mem_map)",
      "SYMBOL(init_top_pgt)",
      "NUMBER(phys_base)",
      "OFFSET(zone.vm_stat)",
      "NUMBER(NR_FREE_PAGES)",
  };
  const DumpLevel level = DumpLevel::FromNumber(DumpLevel::kMaximum).TakeValue();
  for (const KernelEra era : {KernelEra::kLinux54, KernelEra::kLinux612}) {
    for (const char* key : keys) {
      SCOPED_TRACE(key);
      KernelBuilder kernel = MakeMachine(era);
      const Classified whole = Classify(kernel.Open());
      const Classified found = Classify(Without(kernel, key));
      bool differs = false;
      for (uint64_t pfn = 0; pfn < kPages; ++pfn) {
        differs = differs || found.classes[pfn] != whole.classes[pfn];
        // Kept with all facts: kept without.
        if (level.Keeps(whole.classes[pfn])) ASSERT_TRUE(level.Keeps(found.classes[pfn])) << pfn;
      }
      // Whoever keeps more says so, but for huge pages: a kernel without them has no keys for them either.
      const std::string_view name = key;
      const bool is_silent =
          name.find("HUGETLB") != name.npos || name.find("dtor") != name.npos || name.starts_with("NUMBER(PG_swap");
      if (differs && !is_silent) EXPECT_FALSE(found.notes.empty());
    }
  }
}

TEST(StructPageClassifier, SaysWhyItCannotBe) {
  KernelBuilder kernel = MakeMachine(KernelEra::kLinux54);
  const Classified found = Classify(Without(kernel, "NUMBER(PG_slab)"));
  EXPECT_EQ(CountOf(found.counts, PageClass::kUnclassified), kPages);
  ASSERT_EQ(found.notes.size(), 1U);
  EXPECT_EQ(found.notes[0],
            "pages cannot be classified, every page is kept: VMCOREINFO lacks both NUMBER(PG_slab) and "
            "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)");
}

TEST(StructPageClassifier, NonsenseInVmcoreinfoIsAnErrorNotACrash) {
  const std::pair<const char*, const char*> lines[] = {
      {"SIZE(page)", "7"},
      {"SIZE(page)", "0"},
      {"SIZE(page)", "100000"},
      {"OFFSET(page.flags)", "60"},
      {"OFFSET(page.mapping)", "18446744073709551615"},
      {"SIZE(mem_section)", "0"},
      {"SIZE(mem_section)", "3"},
      {"NUMBER(SECTION_SIZE_BITS)", "0"},
      {"NUMBER(SECTION_SIZE_BITS)", "56"},
      {"NUMBER(MAX_PHYSMEM_BITS)", "1"},
      {"SYMBOL(mem_section)", "0"},
  };
  for (const auto& [key, value] : lines) {
    SCOPED_TRACE(std::string(key) + "=" + value);
    KernelBuilder kernel = MakeMachine(KernelEra::kLinux612);
    VmcoreBuilder builder = kernel.Finish();
    builder.Info(key, value);
    const Classified found = Classify(Vmcore::Open(builder.BuildSource()).TakeValue());
    EXPECT_EQ(CountOf(found.counts, PageClass::kUnclassified), kPages);
    EXPECT_EQ(found.notes.size(), 1U);
  }
}

}  // namespace
}  // namespace crashdump
