// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/page_tables.h"

#include <cinttypes>

namespace crashdump {

Result<PhysicalSpan> PageTables::Translate(uint64_t virtual_address) const {
  unsigned shift = form_.translated_bits();
  if (shift < 64 && virtual_address >> shift != form_.space >> shift) {
    return Error::Format(ErrorCode::kNotFound, "page tables: 0x%" PRIx64 " is no address of the kernel's",
                         virtual_address);
  }
  uint64_t table = top_;
  for (unsigned level = form_.levels; level > 0; --level) {
    const unsigned index_bits = form_.index_bits[level - 1];
    shift -= index_bits;
    const uint64_t index = virtual_address >> shift & ((uint64_t{1} << index_bits) - 1);
    std::array<uint8_t, 8> buffer;
    const MutableBytes bytes = MutableBytes(buffer).first(form_.entry_bytes);
    TRY(vmcore_->ReadPhysical(table + index * bytes.size(), bytes), "page table of level %u", level);
    const uint64_t entry = LoadInteger(bytes, form_.order);
    if ((entry & form_.present) == 0) {
      return Error::Format(ErrorCode::kNotFound, "page tables: 0x%" PRIx64 " is not mapped (level %u)", virtual_address,
                           level);
    }
    if (level == 1 || (level <= form_.highest_leaf_level && (entry & form_.leaf) != 0)) {
      const uint64_t within_page = (uint64_t{1} << shift) - 1;
      const uint64_t offset = virtual_address & within_page;
      return PhysicalSpan{.address = (entry & form_.page_mask & ~within_page) | offset,
                          .bytes = within_page + 1 - offset};
    }
    table = entry & form_.table_mask;
  }
  return Error::Format(ErrorCode::kCorrupt, "page tables: no leaf for 0x%" PRIx64, virtual_address);
}

}  // namespace crashdump
