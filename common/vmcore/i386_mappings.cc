// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/i386_mappings.h"

#include <cinttypes>

#include "common/vmcore/page_tables.h"

namespace crashdump {
namespace {

constexpr uint64_t kPresent = 1U << 0;
constexpr uint64_t kLeaf = 1U << 7;

constexpr PageTableForm kTwoLevels = {
    .entry_bytes = 4,
    .levels = 2,
    .index_bits = {10, 10},
    .highest_leaf_level = 2,  // 4 MiB
    .present = kPresent,
    .leaf = kLeaf,
    .table_mask = 0xfffff000,
    .page_mask = 0xfffff000,
};

constexpr PageTableForm kPae = {
    .levels = 3,
    .index_bits = {9, 9, 2},
    .highest_leaf_level = 2,  // 2 MiB
    .present = kPresent,
    .leaf = kLeaf,
    .table_mask = 0x000ffffffffff000,
    .page_mask = 0x000ffffffffff000,
};

// Linux arch/x86/Kconfig, PAGE_OFFSET: the choices of VMSPLIT.
constexpr uint64_t kPageOffsets[] = {0xc0000000, 0xb0000000, 0x80000000, 0x78000000, 0x40000000};

Result<std::unique_ptr<const AddressTranslation>> OpenPageTables(const Vmcore& vmcore, const Vmcoreinfo& vmcoreinfo) {
  const uint64_t symbol = TRY(vmcoreinfo.Symbol("swapper_pg_dir"));
  // VMCOREINFO_CONFIG(X86_PAE), Linux arch/x86/kernel/vmcore_info_32.c.
  const PageTableForm& form = vmcoreinfo.Find("CONFIG_X86_PAE") ? kPae : kTwoLevels;
  for (const uint64_t page_offset : kPageOffsets) {
    if (symbol < page_offset) continue;
    const uint64_t top = symbol - page_offset;
    auto tables = std::make_unique<PageTables>(vmcore, form, top);
    const Result<PhysicalSpan> itself = tables->Translate(symbol);
    if (itself.ok() && itself.value().address == top)
      return std::unique_ptr<const AddressTranslation>(std::move(tables));
  }
  return Error::Format(ErrorCode::kCorrupt,
                       "swapper_pg_dir at 0x%" PRIx64 " is at none of the places where it could be", symbol);
}

}  // namespace

void AddI386Mappings(const Vmcore& vmcore, const Vmcoreinfo& vmcoreinfo, KernelMappings& mappings) {
  mappings.SetTranslation(OpenPageTables(vmcore, vmcoreinfo));
  // kexec-tools takes every PAGE_OFFSET for 3 GiB, and low memory for 896 MiB, some of which is not.
  if (mappings.translation != nullptr) mappings.linear.clear();
}

}  // namespace crashdump
