// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/x86_64_mappings.h"

#include <algorithm>

#include "common/vmcore/page_tables.h"

namespace crashdump {
namespace {

// Above the image in the address space are modules, mapped page by page. Linux arch/x86/include/asm/page_64_types.h:
// 1 GiB with CONFIG_RANDOMIZE_BASE, which NUMBER(KERNEL_IMAGE_SIZE) says, else 512 MiB.
constexpr uint64_t kDefaultImageBytes = 512 * kMiB;
constexpr uint64_t kMaxImageBytes = kGiB;

constexpr PageTableForm kForm = {
    .levels = 4,
    .index_bits = {9, 9, 9, 9, 9},
    .highest_leaf_level = 3,  // 1 GiB
    .present = 1U << 0,
    .leaf = 1U << 7,
    .table_mask = 0x000ffffffffff000,
    .page_mask =
        0x000ffffffffff000,  // bit 12 of a large page's entry is no address bit (PAT), and below the page's size
    .space = UINT64_MAX,
};

Result<std::unique_ptr<const AddressTranslation>> OpenPageTables(const Vmcore& vmcore, const Vmcoreinfo& vmcoreinfo) {
  const int64_t phys_base = TRY(vmcoreinfo.Number("phys_base"));
  Result<uint64_t> top = vmcoreinfo.Symbol("init_top_pgt");
  if (!top.ok()) {
    const Result<uint64_t> old_name = vmcoreinfo.Symbol("init_level4_pgt");
    if (!old_name.ok()) return top.error();
    top = old_name;
  }
  uint64_t five_levels = 0;
  uint64_t encryption_mask = 0;  // AMD SME: the bit of an entry that says "encrypted" and is no address bit
  using enum VmcoreinfoField::Presence;
  TRY(vmcoreinfo.Fill({{VmcoreinfoKind::kNumber, "pgtable_l5_enabled", &five_levels, kOptional, 1},
                       {VmcoreinfoKind::kNumber, "sme_mask", &encryption_mask, kOptional, UINT64_MAX}}));
  PageTableForm form = kForm;
  if (five_levels != 0) form.levels = 5;
  form.table_mask &= ~encryption_mask;
  form.page_mask &= ~encryption_mask;
  const uint64_t top_physical = top.value() - kX86_64KernelImageBase + static_cast<uint64_t>(phys_base);
  return std::unique_ptr<const AddressTranslation>(std::make_unique<PageTables>(vmcore, form, top_physical));
}

}  // namespace

void AddX86_64Mappings(const Vmcore& vmcore, const Vmcoreinfo& vmcoreinfo, KernelMappings& mappings) {
  if (const Result<int64_t> phys_base = vmcoreinfo.Number("phys_base"); phys_base.ok()) {
    const Result<int64_t> stated = vmcoreinfo.Number("KERNEL_IMAGE_SIZE");
    const uint64_t bytes = stated.ok() ? static_cast<uint64_t>(stated.value()) : kDefaultImageBytes;
    mappings.linear.push_back({{kX86_64KernelImageBase, kX86_64KernelImageBase + std::min(bytes, kMaxImageBytes)},
                               static_cast<uint64_t>(phys_base.value())});
  }
  mappings.SetTranslation(OpenPageTables(vmcore, vmcoreinfo));
}

}  // namespace crashdump
