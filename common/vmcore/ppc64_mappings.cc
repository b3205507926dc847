// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/ppc64_mappings.h"

#include <cinttypes>

#include "common/vmcore/page_tables.h"
#include "common/vmcore/ppc64_linear.h"
#include "common/vmcore/ppc64_vmemmap_list.h"

namespace crashdump {
namespace {

// Power ISA 3.0, book III, "Radix Tree Translation"; Linux arch/powerpc/include/asm/book3s/64/radix.h. The entries are
// big-endian on kernels of both byte orders. Every leaf says that it is one, also those of the last level.
constexpr PageTableForm kRadix4K = {
    .order = ByteOrder::kBig,
    .page_bits = 12,
    .levels = 4,
    .index_bits = {9, 9, 9, 13},
    .highest_leaf_level = 3,  // 1 GiB
    .present = uint64_t{1} << 63,
    .leaf = uint64_t{1} << 62,
    .table_mask = 0x0fffffffffffff00,
    .page_mask = 0x01fffffffffff000,
    .space = Ppc64Linear::kBase,
};

constexpr PageTableForm Radix64K() {
  PageTableForm form = kRadix4K;
  form.page_bits = 16;
  form.index_bits = {5, 9, 9, 13};
  return form;
}

Result<std::unique_ptr<const AddressTranslation>> OpenRadix(const Vmcore& vmcore, const Vmcoreinfo& vmcoreinfo,
                                                            const Ppc64Linear& linear) {
  const uint64_t symbol = TRY(vmcoreinfo.Symbol("swapper_pg_dir"));
  const uint64_t top = TRY(linear.ToPhysical(symbol), "swapper_pg_dir");
  const bool is_64k = vmcore.page_size() == 64 * kKiB;
  if (!is_64k && vmcore.page_size() != 4 * kKiB) {
    return Error::Format(ErrorCode::kUnsupported, "pages of %" PRIu64 " bytes are not known", vmcore.page_size());
  }
  auto tables = std::make_unique<PageTables>(vmcore, is_64k ? Radix64K() : kRadix4K, top);
  const PhysicalSpan itself = TRY(tables->Translate(symbol), "swapper_pg_dir");
  if (itself.address != top) {
    return Error::Format(ErrorCode::kCorrupt, "swapper_pg_dir at 0x%" PRIx64 " says that it is at 0x%" PRIx64, top,
                         itself.address);
  }
  return std::unique_ptr<const AddressTranslation>(std::move(tables));
}

Result<std::unique_ptr<const AddressTranslation>> OpenList(const Vmcoreinfo& vmcoreinfo, const Ppc64Linear& linear) {
  Ppc64VmemmapList list = TRY(Ppc64VmemmapList::Read(linear, vmcoreinfo));
  return std::unique_ptr<const AddressTranslation>(std::make_unique<Ppc64VmemmapList>(std::move(list)));
}

// Only with the radix MMU is memory in the page tables. Which MMU it is newer kernels tell (NUMBER(RADIX_MMU),
// 36e826b568e4; 6.1 does not). Until 6.5 (368a0590d954) the list is there with both.
Result<std::unique_ptr<const AddressTranslation>> OpenTranslation(const Vmcore& vmcore, const Vmcoreinfo& vmcoreinfo,
                                                                  const Ppc64Linear& linear) {
  Result<std::unique_ptr<const AddressTranslation>> radix = OpenRadix(vmcore, vmcoreinfo, linear);
  if (radix.ok()) return radix;
  Result<std::unique_ptr<const AddressTranslation>> list = OpenList(vmcoreinfo, linear);
  if (list.ok()) return list;
  return list.error().Prefixed("no radix page tables (%s) and no list of struct pages", radix.error().text());
}

}  // namespace

void AddPpc64Mappings(const Vmcore& vmcore, const Vmcoreinfo& vmcoreinfo, KernelMappings& mappings) {
  const Ppc64Linear linear(vmcore);
  mappings.linear.push_back(linear.mapping());
  mappings.SetTranslation(OpenTranslation(vmcore, vmcoreinfo, linear));
}

}  // namespace crashdump
