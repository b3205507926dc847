// SPDX-License-Identifier: GPL-2.0-or-later
// KernelBuilder: by what each machine's kernel translates its addresses.
#include <array>

#include "common/testing/kernel_builder.h"

namespace crashdump::testing {

void KernelBuilder::StoreEntry(uint64_t table_pfn, uint64_t index, uint64_t entry, ByteOrder order) {
  StoreInteger(MutableBytes(memory_).subspan(table_pfn * kPageBytes + index * 8, 8), entry, order);
}

void KernelBuilder::WriteTranslation(VmcoreBuilder& builder) {
  switch (machine_) {
    case KernelMachine::kX8664:
      return WriteX86_64Tables(builder);
    case KernelMachine::kI386:
      return WriteI386Tables(builder);
    case KernelMachine::kI386Pae:
      return WritePaeTables(builder);
    case KernelMachine::kPpc64leRadix:
    case KernelMachine::kPpc64Radix:
      return WriteRadixTables(builder);
    case KernelMachine::kPpc64leHash:
    case KernelMachine::kPpc64Hash:
      return WriteVmemmapList(builder);
  }
}

// One table per level maps the struct pages page by page; the memory itself is one large page.
void KernelBuilder::WriteX86_64Tables(VmcoreBuilder& builder) {
  constexpr uint64_t kPresentWrite = 3, kLarge = 0x80;
  const std::array<uint64_t, 3> indices = {facts_.vmemmap >> 39 & 511, facts_.vmemmap >> 30 & 511,
                                           facts_.vmemmap >> 21 & 511};
  for (uint64_t level = 0; level < indices.size(); ++level) {
    StoreEntry(kTablesPfn + level, indices[level], (kTablesPfn + level + 1) * kPageBytes | kPresentWrite);
  }
  const uint64_t map_pages = kPages * struct_bytes_ / kPageBytes;
  for (uint64_t page = 0; page < map_pages; ++page) {
    StoreEntry(kTablesPfn + 3, page, (kMapPfn + page) * kPageBytes | kPresentWrite);
  }
  StoreEntry(kTablesPfn, direct_map() >> 39 & 511, (kTablesPfn + 4) * kPageBytes | kPresentWrite);
  StoreEntry(kTablesPfn + 4, 0, kPresentWrite | kLarge);
  builder.Info("NUMBER(phys_base)", std::to_string(kTablesPfn * kPageBytes))
      .Info("SYMBOL(init_top_pgt)", "ffffffff80000000");
}

void KernelBuilder::WriteI386Tables(VmcoreBuilder& builder) {
  constexpr uint64_t kPresentWriteLarge = 0x83, kLargeBytes = 4 * kMiB;
  for (uint64_t at = 0; at < kPages * kPageBytes; at += kLargeBytes) {
    const uint64_t index = (direct_map() + at) / kLargeBytes;
    StoreInteger(MutableBytes(memory_).subspan(kTablesPfn * kPageBytes + index * 4, 4), at | kPresentWriteLarge,
                 ByteOrder::kLittle);
  }
  builder.Info("SYMBOL(swapper_pg_dir)", Hex(direct_map() + kTablesPfn * kPageBytes));
}

void KernelBuilder::WritePaeTables(VmcoreBuilder& builder) {
  constexpr uint64_t kPresent = 1, kPresentWriteLarge = 0x83, kLargeBytes = 2 * kMiB;
  StoreEntry(kTablesPfn, direct_map() >> 30, (kTablesPfn + 1) * kPageBytes | kPresent);
  for (uint64_t at = 0; at < kPages * kPageBytes; at += kLargeBytes) {
    StoreEntry(kTablesPfn + 1, at / kLargeBytes, at | kPresentWriteLarge);
  }
  builder.Info("SYMBOL(swapper_pg_dir)", Hex(direct_map() + kTablesPfn * kPageBytes)).Info("CONFIG_X86_PAE", "y");
}

// The top table has 16 pages, the others one each. Entries are big-endian on all kernels; in those of directories the
// lowest bits tell how large the next table is.
void KernelBuilder::WriteRadixTables(VmcoreBuilder& builder) {
  constexpr uint64_t kValid = uint64_t{1} << 63, kLeaf = uint64_t{1} << 62, kIndexBits = 9;
  constexpr uint64_t kBelow = kTablesPfn + 16;
  const auto store = [&](uint64_t table, uint64_t index, uint64_t pfn, uint64_t bits) {
    StoreEntry(table, index, kValid | pfn * kPageBytes | bits, ByteOrder::kBig);
  };
  store(kTablesPfn, direct_map() >> 39 & 0x1fff, kBelow, kIndexBits);
  store(kBelow, 0, 0, kLeaf);
  store(kTablesPfn, facts_.vmemmap >> 39 & 0x1fff, kBelow + 1, kIndexBits);
  store(kBelow + 1, 0, kBelow + 2, kIndexBits);
  store(kBelow + 2, 0, kBelow + 3, kIndexBits);
  const uint64_t map_pages = kPages * struct_bytes_ / kPageBytes;
  for (uint64_t page = 0; page < map_pages; ++page) store(kBelow + 3, page, kMapPfn + page, kLeaf);
  builder.Info("SYMBOL(swapper_pg_dir)", Hex(direct_map() + kTablesPfn * kPageBytes));
}

// struct vmemmap_backing {next, physical, virtual} for pieces of 64 KiB; the variables are in the page before.
void KernelBuilder::WriteVmemmapList(VmcoreBuilder& builder) {
  constexpr uint64_t kShift = 16, kBackingBytes = 24, kSizeIndex = 3, kDefinitionBytes = 0x60;
  constexpr uint64_t kVariables = kTablesPfn * kPageBytes, kDefinitions = kVariables + 0x100;
  constexpr uint64_t kBackings = kVariables + kPageBytes;
  const uint64_t pieces = kPages * struct_bytes_ >> kShift;
  for (uint64_t piece = 0; piece < pieces; ++piece) {
    const uint64_t at = kBackings + piece * kBackingBytes;
    StoreWord(at, piece == 0 ? 0 : direct_map() + at - kBackingBytes);
    StoreWord(at + 8, kMapPfn * kPageBytes + (piece << kShift));
    StoreWord(at + 16, facts_.vmemmap + (piece << kShift));
    StoreWord(kVariables, direct_map() + at);
  }
  const auto store_int = [&](uint64_t at, uint64_t value) {
    StoreInteger(MutableBytes(memory_).subspan(at, 4), value, format_.order);
  };
  store_int(kVariables + 8, kSizeIndex);
  store_int(kDefinitions + kSizeIndex * kDefinitionBytes, kShift);
  builder.Info("SYMBOL(vmemmap_list)", Hex(direct_map() + kVariables))
      .Info("SYMBOL(mmu_vmemmap_psize)", Hex(direct_map() + kVariables + 8))
      .Info("SYMBOL(mmu_psize_defs)", Hex(direct_map() + kDefinitions))
      .Info("SIZE(mmu_psize_def)", std::to_string(kDefinitionBytes))
      .Info("OFFSET(mmu_psize_def.shift)", "0")
      .Info("OFFSET(vmemmap_backing.list)", "0")
      .Info("OFFSET(vmemmap_backing.phys)", "8")
      .Info("OFFSET(vmemmap_backing.virt_addr)", "16");
}

}  // namespace crashdump::testing
