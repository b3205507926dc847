// SPDX-License-Identifier: GPL-2.0-or-later
// PageTables: walks page tables of any machine that has a tree of them, by a description of their form.
#pragma once

#include <array>
#include <cstdint>

#include "common/vmcore/address_translation.h"
#include "common/vmcore/vmcore.h"

namespace crashdump {

struct PageTableForm {
  static constexpr unsigned kMaxLevels = 5;

  unsigned entry_bytes = 8;
  ByteOrder order = ByteOrder::kLittle;  // of entries; not always the kernel's
  unsigned page_bits = 12;               // of the smallest page
  unsigned levels = 0;
  std::array<uint8_t, kMaxLevels> index_bits{};  // of an address; of the last level first
  // Levels above it have no leaves; the last level, which is 1, has nothing else.
  unsigned highest_leaf_level = 1;
  // Bits of an entry.
  uint64_t present = 0;
  uint64_t leaf = 0;
  uint64_t table_mask = 0;  // the address of the next table
  uint64_t page_mask = 0;   // the address of a page; what is below the page's size does not count
  // An address of the kernel's space: the bits that no table translates are the same in all.
  uint64_t space = 0;

  unsigned translated_bits() const {
    unsigned bits = page_bits;
    for (unsigned level = 0; level < levels; ++level) bits += index_bits[level];
    return bits;
  }
};

class PageTables final : public AddressTranslation {
 public:
  // `top` is the physical address of the highest table. `vmcore` must outlive this object.
  PageTables(const Vmcore& vmcore, const PageTableForm& form, uint64_t top)
      : vmcore_(&vmcore), form_(form), top_(top) {}

  // Up to the end of the page that maps the address. Reads one entry for each level.
  Result<PhysicalSpan> Translate(uint64_t virtual_address) const override;

 private:
  const Vmcore* vmcore_;
  PageTableForm form_;
  uint64_t top_;
};

}  // namespace crashdump
