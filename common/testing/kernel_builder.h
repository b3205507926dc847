// SPDX-License-Identifier: GPL-2.0-or-later
// KernelBuilder: vmcores of machines whose pages have known uses, with the records that kernels of several versions
// keep of them. Written from the kernel's side, independently of what reads it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/testing/vmcore_builder.h"
#include "common/vmcore/page_class.h"
#include "common/vmcore/vmcore.h"

namespace crashdump::testing {

// What changed in struct page, by the version that has it first.
enum class KernelEra : uint8_t {
  kLinux54,   // PG_slab; order and destructor of compound pages in the second struct page; types are cleared bits
  kLinux63,   // the same as fields of struct folio
  kLinux66,   // order in the second page's flags, PG_hugetlb there
  kLinux69,   // huge pages have a page type
  kLinux610,  // slab has a page type
  kLinux612,  // types are numbers in the highest byte
  kLinux616,  // unaccepted memory is told
  kLinux71,   // compound_info
};
inline constexpr KernelEra kAllEras[] = {KernelEra::kLinux54,  KernelEra::kLinux63,  KernelEra::kLinux66,
                                         KernelEra::kLinux69,  KernelEra::kLinux610, KernelEra::kLinux612,
                                         KernelEra::kLinux616, KernelEra::kLinux71};

// Who translates the addresses, by the kernel's own records.
enum class KernelMachine : uint8_t {
  kX8664,
  kI386,
  kI386Pae,
  kPpc64leRadix,
  kPpc64leHash,
  kPpc64Radix,  // big-endian
  kPpc64Hash,
};
inline constexpr KernelMachine kAllMachines[] = {
    KernelMachine::kX8664,       KernelMachine::kI386,       KernelMachine::kI386Pae,  KernelMachine::kPpc64leRadix,
    KernelMachine::kPpc64leHash, KernelMachine::kPpc64Radix, KernelMachine::kPpc64Hash};

enum class MemoryModel : uint8_t {
  kVmemmap,         // SPARSEMEM_VMEMMAP: struct pages where nothing is mapped linearly; i386 kernels have no such model
  kSparseTwoLevel,  // SPARSEMEM_EXTREME
  kSparseOneLevel,
  kSparsePointer,  // two levels, and VMCOREINFO names the pointer's place
  kNodes,          // DISCONTIGMEM: two nodes
  kFlat,
};
inline constexpr MemoryModel kAllModels[] = {MemoryModel::kVmemmap,        MemoryModel::kSparseTwoLevel,
                                             MemoryModel::kSparseOneLevel, MemoryModel::kSparsePointer,
                                             MemoryModel::kNodes,          MemoryModel::kFlat};

constexpr bool HasModel(KernelMachine machine, MemoryModel model) {
  const bool is_i386 = machine == KernelMachine::kI386 || machine == KernelMachine::kI386Pae;
  return !is_i386 || model != MemoryModel::kVmemmap;
}

// The machine has kPages pages of 4 KiB from physical address 0 on. Those that nobody claims are ordinary pages of the
// kernel's, and so are those at the end that hold its records. Each claim says the class that its pages have by it.
class KernelBuilder {
 public:
  static constexpr uint64_t kPages = 2048;
  static constexpr uint64_t kSectionPages = 512;
  static constexpr uint64_t kPageBytes = 4096;
  static constexpr uint32_t kFreeOrders = 11;
  // From here on pages belong to the kernel's records.
  static constexpr uint64_t kRecordsPfn = 1792;
  // First the struct pages, then page tables or what a machine has in their place.
  static constexpr uint64_t kMapPfn = kRecordsPfn;
  static constexpr uint64_t kTablesPfn = kMapPfn + 64;
  static constexpr uint64_t kTablesPages = 32;

  explicit KernelBuilder(KernelEra era = KernelEra::kLinux612, MemoryModel model = MemoryModel::kVmemmap,
                         KernelMachine machine = KernelMachine::kX8664);
  // The vmcore states no virtual addresses, as QEMU's do not.
  void StateNoAddresses() { states_addresses_ = false; }
  // VMCOREINFO does not tell how large sections are and where memory ends, which is so.
  void KeepSectionsUntold(const PhysicalBits& bits) { untold_bits_ = bits; }

  // Each claims 1 << order pages from `pfn` on.
  void Free(uint64_t pfn, uint32_t order);
  void Unaccepted(uint64_t pfn);  // since 6.16: the largest order
  void Slab(uint64_t pfn, uint32_t order);
  void KernelCompound(uint64_t pfn, uint32_t order);
  void PageTable(uint64_t pfn);
  void Anonymous(uint64_t pfn, uint32_t order = 0);
  void SwapCache(uint64_t pfn);  // anonymous, and in the swap cache
  void SharedByKsm(uint64_t pfn);
  void Cache(uint64_t pfn, uint32_t order = 0);
  void PrivateCache(uint64_t pfn);
  void SharedMemorySwapCache(uint64_t pfn);    // tmpfs: not on an LRU list, but in the swap cache
  void OtherUseOfSwapCacheFlag(uint64_t pfn);  // the kernel's, with a flag that has the number of PG_swapcache
  void Hugetlb(uint64_t pfn, uint32_t order);
  // The same with HUGETLB_PAGE_OPTIMIZE_VMEMMAP: its struct pages are one page, many times.
  void HugetlbOnOneMapPage(uint64_t pfn, uint32_t order);
  void Offline(uint64_t pfn);
  void Poison(uint64_t pfn);  // what it is besides stays

  // Fields of the struct page as bytes, to damage them.
  MutableBytes Field(uint64_t pfn, std::string_view name);
  void SetField(uint64_t pfn, std::string_view name, uint64_t value);

  // The page's contents.
  MutableBytes Page(uint64_t pfn) {
    return MutableBytes(memory_).subspan(static_cast<size_t>(pfn * kPageBytes), kPageBytes);
  }

  const std::vector<PageClass>& classes() const { return classes_; }
  // What the kernel counts as free, which is what was claimed as such unless set.
  void SetFreeCount(uint64_t pages) { free_count_ = pages; }

  // Virtual addresses: of physical address 0, and of the first struct page.
  uint64_t direct_map() const { return facts_.direct_map; }
  uint64_t MapAddress() const;

  // A builder with everything in it, to be changed further.
  VmcoreBuilder Finish();
  Vmcore Open() { return Vmcore::Open(Finish().BuildSource()).TakeValue(); }

 private:
  struct FieldPlace {
    uint32_t offset, size;
  };

  // What differs by machine beside the form of its translation.
  struct MachineFacts {
    uint16_t elf_machine;
    TargetFormat format;
    uint64_t direct_map, vmemmap;
  };
  static MachineFacts FactsOf(KernelMachine machine);
  static std::string Hex(uint64_t value);

  uint64_t word() const { return format_.word_bytes(); }
  bool At(KernelEra era) const { return era_ >= era; }
  void Claim(uint64_t pfn, uint64_t count, PageClass page_class);
  void Compound(uint64_t pfn, uint32_t order, PageClass page_class);
  void AddFlag(uint64_t pfn, uint32_t bit);
  void SetType(uint64_t pfn, uint32_t number);
  void StoreWord(uint64_t physical, uint64_t value);
  void WriteSections(VmcoreBuilder& builder);
  void WriteNodes(VmcoreBuilder& builder);
  void StoreEntry(uint64_t table_pfn, uint64_t index, uint64_t entry, ByteOrder order = ByteOrder::kLittle);
  void WriteTranslation(VmcoreBuilder& builder);
  void WriteX86_64Tables(VmcoreBuilder& builder);
  void WriteI386Tables(VmcoreBuilder& builder);
  void WritePaeTables(VmcoreBuilder& builder);
  void WriteRadixTables(VmcoreBuilder& builder);
  void WriteVmemmapList(VmcoreBuilder& builder);
  void WriteZones(VmcoreBuilder& builder);
  void Describe(VmcoreBuilder& builder) const;

  KernelEra era_;
  MemoryModel model_;
  KernelMachine machine_;
  MachineFacts facts_;
  TargetFormat format_;
  bool states_addresses_ = true;
  std::optional<PhysicalBits> untold_bits_;
  uint32_t struct_bytes_;
  std::map<std::string, FieldPlace, std::less<>> fields_;
  std::vector<uint8_t> memory_;
  std::vector<PageClass> classes_;
  uint64_t free_count_ = 0;
};

}  // namespace crashdump::testing
