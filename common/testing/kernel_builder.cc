// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/kernel_builder.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>

namespace crashdump::testing {
namespace {

// Flags by number, of a kernel that is configured somehow.
constexpr uint32_t kLru = 5, kHead = 6, kPrivate = 13, kSwapCache = 10, kSwapBacked = 17, kSlabFlag = 9, kPoison = 22;
constexpr uint32_t kHugetlbFlag = 8;
constexpr uint8_t kHugetlbDestructor = 2;

// Page types: as a bit that is cleared, and as the highest byte.
constexpr uint32_t kBuddyType = 0, kOfflineType = 1, kTableType = 2, kHugetlbType = 4, kSlabType = 5,
                   kUnacceptedType = 6;
constexpr uint32_t kTypeBits[] = {0x80, 0x100, 0x200, 0, 0x800, 0x1000, 0x2000};

// Where in the machine's memory its other records are: pages.
constexpr uint64_t kRootPfn = KernelBuilder::kTablesPfn + KernelBuilder::kTablesPages;
constexpr uint64_t kSectionsPfn = kRootPfn + 1;
constexpr uint64_t kNodePfn = kSectionsPfn + 1;
constexpr uint64_t kNodeTablePfn = kNodePfn + 4;

constexpr uint64_t kSectionFlagBits = 0x1f;  // present, has a map, online, early, and one more

// struct pglist_data and struct zone, as far as they matter.
constexpr uint64_t kNodeMapAt = 0x800, kNodeStartAt = 0x808, kNodeSpannedAt = 0x810, kZoneCountAt = 0x818;
constexpr uint64_t kZoneBytes = 0x200, kZoneCountersAt = 0x100, kFreeCounter = 1, kZones = 2;

uint32_t TypeValue(bool is_byte, uint32_t number) { return is_byte ? (0xf0 + number) << 24 : ~kTypeBits[number]; }

}  // namespace

std::string KernelBuilder::Hex(uint64_t value) {
  std::array<char, 32> text{};
  (void)snprintf(text.data(), text.size(), "%" PRIx64, value);
  return text.data();
}

KernelBuilder::MachineFacts KernelBuilder::FactsOf(KernelMachine machine) {
  const MachineFacts i386 = {kElfMachine386, {ByteOrder::kLittle, WordSize::k32}, 0xc0000000, 0};
  const MachineFacts ppc64 = {kElfMachinePpc64, {}, 0xc000000000000000, 0xc00c000000000000};
  switch (machine) {
    case KernelMachine::kX8664:
      break;
    case KernelMachine::kI386:
    case KernelMachine::kI386Pae:
      return i386;
    case KernelMachine::kPpc64leRadix:
    case KernelMachine::kPpc64leHash:
      return ppc64;
    case KernelMachine::kPpc64Radix:
    case KernelMachine::kPpc64Hash:
      return {ppc64.elf_machine, {ByteOrder::kBig, WordSize::k64}, ppc64.direct_map, ppc64.vmemmap};
  }
  return {kElfMachineX86_64, {}, 0xffff888000000000, 0xffffea0000000000};
}

KernelBuilder::KernelBuilder(KernelEra era, MemoryModel model, KernelMachine machine)
    : era_(era),
      model_(model),
      machine_(machine),
      facts_(FactsOf(machine)),
      format_(facts_.format),
      struct_bytes_(format_.word == WordSize::k64 ? 64 : 40),
      memory_(kPages * kPageBytes),
      classes_(kPages, PageClass::kKernel) {
  const auto word_bytes = static_cast<uint32_t>(word());
  uint32_t offset = 0;
  for (const char* name : {"flags", "compound", "mapping", "private"}) {
    fields_[name] = {offset, word_bytes};
    offset += name == std::string_view("compound") ? 2 * word_bytes : word_bytes;
  }
  fields_["mapcount"] = {6 * word_bytes, 4};
  fields_["refcount"] = {6 * word_bytes + 4, 4};
  // In the second page of a compound page, in words that nothing else there uses.
  fields_["destructor"] = {2 * word_bytes, 1};
  fields_["order"] = {2 * word_bytes + 1, 1};
  for (uint64_t pfn = 0; pfn < kPages; ++pfn) {
    SetField(pfn, "mapcount", UINT32_MAX);
    SetField(pfn, "refcount", 1);
    // Something to tell the pages apart by, and every eighth is zero.
    if (pfn % 8 != 0 && pfn < kRecordsPfn) StoreWord(pfn * kPageBytes + 64, pfn);
  }
}

MutableBytes KernelBuilder::Field(uint64_t pfn, std::string_view name) {
  const FieldPlace place = fields_.find(name)->second;
  return MutableBytes(memory_).subspan(kMapPfn * kPageBytes + pfn * struct_bytes_ + place.offset, place.size);
}

void KernelBuilder::SetField(uint64_t pfn, std::string_view name, uint64_t value) {
  StoreInteger(Field(pfn, name), value, format_.order);
}

void KernelBuilder::StoreWord(uint64_t physical, uint64_t value) {
  StoreInteger(MutableBytes(memory_).subspan(physical, word()), value, format_.order);
}

void KernelBuilder::AddFlag(uint64_t pfn, uint32_t bit) {
  SetField(pfn, "flags", LoadInteger(Field(pfn, "flags"), format_.order) | uint64_t{1} << bit);
}

void KernelBuilder::SetType(uint64_t pfn, uint32_t number) {
  SetField(pfn, "mapcount", TypeValue(At(KernelEra::kLinux612), number));
}

void KernelBuilder::Claim(uint64_t pfn, uint64_t count, PageClass page_class) {
  std::fill_n(classes_.begin() + static_cast<ptrdiff_t>(pfn), count, page_class);
}

void KernelBuilder::Free(uint64_t pfn, uint32_t order) {
  Claim(pfn, uint64_t{1} << order, PageClass::kFree);
  SetType(pfn, kBuddyType);
  SetField(pfn, "private", order);
  for (uint64_t i = 0; i < uint64_t{1} << order; ++i) SetField(pfn + i, "refcount", 0);
  free_count_ += uint64_t{1} << order;
}

void KernelBuilder::Unaccepted(uint64_t pfn) {
  Free(pfn, kFreeOrders - 1);
  SetField(pfn, "private", 0);
  SetType(pfn, kUnacceptedType);
}

void KernelBuilder::Compound(uint64_t pfn, uint32_t order, PageClass page_class) {
  Claim(pfn, uint64_t{1} << order, page_class);
  if (order == 0) return;
  AddFlag(pfn, kHead);
  for (uint64_t i = 1; i < uint64_t{1} << order; ++i) {
    // Since 7.1 it is a mask that leads to the first page's address; before, that address. Bit 0 is what counts.
    SetField(pfn + i, "compound",
             At(KernelEra::kLinux71) ? ~(struct_bytes_ * (uint64_t{1} << order) - 1) | 1
                                     : MapAddress() + pfn * struct_bytes_ + 1);
    SetField(pfn + i, "refcount", 0);
  }
  if (At(KernelEra::kLinux66)) {
    SetField(pfn + 1, "flags", order);
  } else {
    SetField(pfn + 1, "order", order);
  }
}

void KernelBuilder::Slab(uint64_t pfn, uint32_t order) {
  Compound(pfn, order, PageClass::kKernel);
  if (At(KernelEra::kLinux610)) {
    SetType(pfn, kSlabType);
  } else {
    AddFlag(pfn, kSlabFlag);
  }
  // What overlays these fields there can be anything.
  SetField(pfn, "mapping", 0x1001);
}

void KernelBuilder::KernelCompound(uint64_t pfn, uint32_t order) { Compound(pfn, order, PageClass::kKernel); }

void KernelBuilder::PageTable(uint64_t pfn) {
  SetType(pfn, kTableType);
  SetField(pfn, "mapping", 0x2001);
}

void KernelBuilder::Anonymous(uint64_t pfn, uint32_t order) {
  Compound(pfn, order, PageClass::kUser);
  AddFlag(pfn, kLru);
  AddFlag(pfn, kSwapBacked);
  SetField(pfn, "mapping", 0x3001);
  SetField(pfn, "mapcount", 0);
}

void KernelBuilder::SwapCache(uint64_t pfn) {
  Anonymous(pfn);
  AddFlag(pfn, kSwapCache);
}

void KernelBuilder::SharedByKsm(uint64_t pfn) {
  Anonymous(pfn);
  SetField(pfn, "mapping", 0x3003);
}

void KernelBuilder::Cache(uint64_t pfn, uint32_t order) {
  Compound(pfn, order, PageClass::kCacheClean);
  AddFlag(pfn, kLru);
  SetField(pfn, "mapping", 0x4000);
}

void KernelBuilder::PrivateCache(uint64_t pfn) {
  Cache(pfn);
  Claim(pfn, 1, PageClass::kCachePrivate);
  AddFlag(pfn, kPrivate);
}

void KernelBuilder::SharedMemorySwapCache(uint64_t pfn) {
  Claim(pfn, 1, PageClass::kCacheClean);
  AddFlag(pfn, kSwapBacked);
  AddFlag(pfn, kSwapCache);
  SetField(pfn, "mapping", 0x5000);
}

void KernelBuilder::OtherUseOfSwapCacheFlag(uint64_t pfn) { AddFlag(pfn, kSwapCache); }

void KernelBuilder::Hugetlb(uint64_t pfn, uint32_t order) {
  Compound(pfn, order, PageClass::kUser);
  if (At(KernelEra::kLinux69)) {
    SetType(pfn, kHugetlbType);
  } else if (At(KernelEra::kLinux66)) {
    AddFlag(pfn + 1, kHugetlbFlag);
  } else {
    SetField(pfn + 1, "destructor", kHugetlbDestructor);
  }
}

void KernelBuilder::HugetlbOnOneMapPage(uint64_t pfn, uint32_t order) {
  Hugetlb(pfn, order);
  const auto first = memory_.begin() + static_cast<ptrdiff_t>(kMapPfn * kPageBytes + pfn * struct_bytes_);
  for (uint64_t at = kPageBytes; at < (uint64_t{1} << order) * struct_bytes_; at += kPageBytes) {
    std::copy_n(first, kPageBytes, first + static_cast<ptrdiff_t>(at));
  }
}

void KernelBuilder::Offline(uint64_t pfn) {
  Claim(pfn, 1, PageClass::kNeverRead);
  SetType(pfn, kOfflineType);
}

void KernelBuilder::Poison(uint64_t pfn) {
  Claim(pfn, 1, PageClass::kNeverRead);
  AddFlag(pfn, kPoison);
}

uint64_t KernelBuilder::MapAddress() const {
  return model_ == MemoryModel::kVmemmap ? facts_.vmemmap : direct_map() + kMapPfn * kPageBytes;
}

void KernelBuilder::WriteSections(VmcoreBuilder& builder) {
  const uint64_t entry_bytes = 2 * word();
  const bool two_levels = model_ != MemoryModel::kSparseOneLevel;
  const PhysicalBits bits = untold_bits_.value_or(PhysicalBits{.section = 21, .memory = 30});
  const uint64_t sections = uint64_t{1} << (bits.memory - bits.section);
  for (uint64_t section = 0; section << bits.section < kPages * kPageBytes; ++section) {
    // The address that page frame 0 would have, and flags.
    const uint64_t map = MapAddress() | kSectionFlagBits;
    StoreWord(kSectionsPfn * kPageBytes + section * entry_bytes + word(), map);
  }
  uint64_t table = direct_map() + kSectionsPfn * kPageBytes;
  uint64_t length = sections;
  if (two_levels) {
    StoreWord(kRootPfn * kPageBytes, table);
    table = direct_map() + kRootPfn * kPageBytes;
    length = sections * entry_bytes / kPageBytes;
  }
  if (model_ == MemoryModel::kSparsePointer) {
    StoreWord(kNodeTablePfn * kPageBytes + 512, table);
    table = direct_map() + kNodeTablePfn * kPageBytes + 512;
  }
  builder.Info("SYMBOL(mem_section)", Hex(table))
      .Info("LENGTH(mem_section)", std::to_string(length))
      .Info("SIZE(mem_section)", std::to_string(entry_bytes))
      .Info("OFFSET(mem_section.section_mem_map)", std::to_string(word()));
  if (untold_bits_) return;
  builder.Info("NUMBER(SECTION_SIZE_BITS)", std::to_string(bits.section))
      .Info("NUMBER(MAX_PHYSMEM_BITS)", std::to_string(bits.memory));
}

void KernelBuilder::WriteNodes(VmcoreBuilder& builder) {
  const uint64_t nodes = model_ == MemoryModel::kNodes ? 2 : 1;
  for (uint64_t node = 0; node < nodes; ++node) {
    const uint64_t at = (kNodePfn + 2 * node) * kPageBytes;
    const uint64_t start = node * (kPages / nodes);
    StoreWord(at + kNodeMapAt, MapAddress() + start * struct_bytes_);
    StoreWord(at + kNodeStartAt, start);
    StoreWord(at + kNodeSpannedAt, kPages / nodes);
    StoreWord(kNodeTablePfn * kPageBytes + node * word(), direct_map() + at);
  }
  if (model_ != MemoryModel::kVmemmap && model_ != MemoryModel::kNodes) {
    builder.Info("SYMBOL(contig_page_data)", Hex(direct_map() + kNodePfn * kPageBytes));
  } else {
    builder.Info("SYMBOL(node_data)", Hex(direct_map() + kNodeTablePfn * kPageBytes)).Info("LENGTH(node_data)", "4");
  }
  if (model_ != MemoryModel::kNodes && model_ != MemoryModel::kFlat) return;
  builder.Info("OFFSET(pglist_data.node_mem_map)", std::to_string(kNodeMapAt))
      .Info("OFFSET(pglist_data.node_start_pfn)", std::to_string(kNodeStartAt))
      .Info("OFFSET(pglist_data.node_spanned_pages)", std::to_string(kNodeSpannedAt));
}

void KernelBuilder::WriteZones(VmcoreBuilder& builder) {
  const uint64_t node = kNodePfn * kPageBytes;
  StoreInteger(MutableBytes(memory_).subspan(node + kZoneCountAt, 4), kZones, format_.order);
  for (uint64_t zone = 0; zone < kZones; ++zone) {
    const uint64_t part = free_count_ / kZones;
    StoreWord(node + zone * kZoneBytes + kZoneCountersAt + kFreeCounter * word(),
              zone == 0 ? free_count_ - part * (kZones - 1) : part);
  }
  builder.Info("OFFSET(pglist_data.node_zones)", "0")
      .Info("OFFSET(pglist_data.nr_zones)", std::to_string(kZoneCountAt))
      .Info("SIZE(zone)", std::to_string(kZoneBytes))
      .Info("OFFSET(zone.vm_stat)", std::to_string(kZoneCountersAt))
      .Info("NUMBER(NR_FREE_PAGES)", std::to_string(kFreeCounter))
      .Info("LENGTH(zone.free_area)", std::to_string(kFreeOrders));
}

void KernelBuilder::Describe(VmcoreBuilder& builder) const {
  const auto offset = [&](const char* name) { return std::to_string(fields_.find(name)->second.offset); };
  const auto second_page = [&](const char* name) {
    return std::to_string(struct_bytes_ + fields_.find(name)->second.offset);
  };
  const auto type = [&](uint32_t number) {
    return std::to_string(static_cast<int32_t>(TypeValue(At(KernelEra::kLinux612), number)));
  };
  builder.Info("SIZE(page)", std::to_string(struct_bytes_))
      .Info("OFFSET(page.flags)", offset("flags"))
      .Info("OFFSET(page._refcount)", offset("refcount"))
      .Info("OFFSET(page.mapping)", offset("mapping"))
      .Info("OFFSET(page._mapcount)", offset("mapcount"))
      .Info("OFFSET(page.private)", offset("private"))
      .Info(At(KernelEra::kLinux71) ? "OFFSET(page.compound_info)" : "OFFSET(page.compound_head)", offset("compound"))
      .Info("NUMBER(PG_lru)", std::to_string(kLru))
      .Info("NUMBER(PG_private)", std::to_string(kPrivate))
      .Info("NUMBER(PG_swapcache)", std::to_string(kSwapCache))
      .Info("NUMBER(PG_swapbacked)", std::to_string(kSwapBacked))
      .Info("NUMBER(PG_hwpoison)", std::to_string(kPoison))
      .Info("NUMBER(PG_head_mask)", std::to_string(1U << kHead))
      .Info("NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", type(kBuddyType))
      .Info("NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)", type(kOfflineType));
  if (At(KernelEra::kLinux616)) builder.Info("NUMBER(PAGE_UNACCEPTED_MAPCOUNT_VALUE)", type(kUnacceptedType));
  if (At(KernelEra::kLinux610)) {
    builder.Info("NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)", type(kSlabType));
  } else {
    builder.Info("NUMBER(PG_slab)", std::to_string(kSlabFlag));
  }
  if (At(KernelEra::kLinux69)) {
    builder.Info("NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)", type(kHugetlbType));
  } else if (At(KernelEra::kLinux66)) {
    builder.Info("NUMBER(PG_hugetlb)", std::to_string(kHugetlbFlag));
  } else {
    builder.Info("NUMBER(HUGETLB_PAGE_DTOR)", std::to_string(kHugetlbDestructor));
    const bool is_folio = At(KernelEra::kLinux63);
    builder.Info(is_folio ? "OFFSET(folio._folio_order)" : "OFFSET(page.compound_order)",
                 is_folio ? second_page("order") : offset("order"));
    builder.Info(is_folio ? "OFFSET(folio._folio_dtor)" : "OFFSET(page.compound_dtor)",
                 is_folio ? second_page("destructor") : offset("destructor"));
  }
}

VmcoreBuilder KernelBuilder::Finish() {
  VmcoreBuilder builder;
  builder.Format(format_, facts_.elf_machine);
  Describe(builder);
  WriteNodes(builder);
  WriteZones(builder);
  if (model_ != MemoryModel::kNodes && model_ != MemoryModel::kFlat) WriteSections(builder);
  WriteTranslation(builder);
  builder.AddLoad({.physical = 0, .data = memory_, .virtual_address = states_addresses_ ? direct_map() : 0});
  return builder;
}

}  // namespace crashdump::testing
