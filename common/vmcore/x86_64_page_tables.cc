// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/x86_64_page_tables.h"

#include <array>
#include <cinttypes>

namespace crashdump {
namespace {

constexpr uint64_t kPresent = 1U << 0;
constexpr uint64_t kLeaf = 1U << 7;  // in the two levels above the last
constexpr uint64_t kAddressMask = 0x000ffffffffff000;
constexpr unsigned kPageBits = 12;
constexpr unsigned kIndexBits = 9;
constexpr unsigned kLargestLeafLevel = 3;  // 1 GiB

// The bits above the translated ones all equal the highest translated one.
bool IsCanonical(uint64_t virtual_address, unsigned levels) {
  const unsigned unused = 64 - (kPageBits + kIndexBits * levels);
  return static_cast<uint64_t>(static_cast<int64_t>(virtual_address << unused) >> unused) == virtual_address;
}

}  // namespace

Result<X86_64PageTables> X86_64PageTables::Open(const Vmcore& vmcore, const Vmcoreinfo& vmcoreinfo) {
  const int64_t phys_base = TRY(vmcoreinfo.Number("phys_base"));
  Result<uint64_t> top = vmcoreinfo.Symbol("init_top_pgt");
  if (!top.ok()) {
    const Result<uint64_t> old_name = vmcoreinfo.Symbol("init_level4_pgt");
    if (!old_name.ok()) return top.error();
    top = old_name;
  }
  uint64_t five_levels = 0;
  uint64_t encryption_mask = 0;
  using enum VmcoreinfoField::Presence;
  TRY(vmcoreinfo.Fill({{VmcoreinfoKind::kNumber, "pgtable_l5_enabled", &five_levels, kOptional, 1},
                       {VmcoreinfoKind::kNumber, "sme_mask", &encryption_mask, kOptional, UINT64_MAX}}));
  const uint64_t top_physical = top.value() - kX86_64KernelImageBase + static_cast<uint64_t>(phys_base);
  return X86_64PageTables(vmcore, top_physical, five_levels != 0 ? 5 : 4, encryption_mask);
}

Result<PhysicalSpan> X86_64PageTables::Translate(uint64_t virtual_address) const {
  if (!IsCanonical(virtual_address, levels_)) {
    return Error::Format(ErrorCode::kNotFound, "page tables: 0x%" PRIx64 " is no address of a machine with %u levels",
                         virtual_address, levels_);
  }
  uint64_t table = top_;
  for (unsigned level = levels_; level > 0; --level) {
    const unsigned shift = kPageBits + kIndexBits * (level - 1);
    const uint64_t index = virtual_address >> shift & ((1U << kIndexBits) - 1);
    std::array<uint8_t, 8> bytes;
    TRY(vmcore_->ReadPhysical(table + index * bytes.size(), bytes), "page table of level %u", level);
    const uint64_t entry = LoadInteger(bytes, ByteOrder::kLittle);
    if ((entry & kPresent) == 0) {
      return Error::Format(ErrorCode::kNotFound, "page tables: 0x%" PRIx64 " is not mapped (level %u)", virtual_address,
                           level);
    }
    const uint64_t address = entry & kAddressMask & ~encryption_mask_;
    if (level == 1 || (level <= kLargestLeafLevel && (entry & kLeaf) != 0)) {
      // Bit 12 of a large page's entry is no address bit (PAT): only what is above the page counts.
      const uint64_t page_mask = (uint64_t{1} << shift) - 1;
      const uint64_t offset = virtual_address & page_mask;
      return PhysicalSpan{.address = (address & ~page_mask) | offset, .bytes = page_mask + 1 - offset};
    }
    table = address;
  }
  return Error::Format(ErrorCode::kCorrupt, "page tables: no leaf for 0x%" PRIx64, virtual_address);
}

}  // namespace crashdump
