// SPDX-License-Identifier: GPL-2.0-or-later
// StructPageLayout: how the crashed kernel's struct page says what a page is. Everything comes from VMCOREINFO; the
// kernel's include/linux/mm_types.h and page-flags.h are what it describes, kernel/vmcore_info.c what it contains.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/vmcore/target_data.h"
#include "common/vmcore/vmcoreinfo.h"

namespace crashdump {

// A value of _mapcount that gives a page a type, such as "in the page allocator".
class PageType {
 public:
  explicit PageType(uint32_t value) : value_(value), mask_((value & kDataBits) == 0 ? ~kDataBits : ~uint32_t{0}) {}
  bool Matches(uint32_t mapcount) const { return (mapcount & mask_) == value_; }

 private:
  // Since Linux 6.12 (4ffca5a96678) the type is the highest byte, and the others may hold something else; before, each
  // type was a cleared bit of a word of ones, and all 32 bits are compared.
  static constexpr uint32_t kDataBits = 0x00ffffff;

  uint32_t value_, mask_;
};

struct StructPageLayout {
  // Where the order of a compound page stands, which is in its second struct page.
  enum class OrderPlace : uint8_t {
    kUnknown,
    kByte,         // at order_offset: compound_order until 6.2, _folio_order until 6.5
    kLowFlagByte,  // the low byte of flags (ebc1baf5c9b4, 6.6)
  };
  // How a huge page of hugetlbfs is told from other compound pages.
  enum class HugetlbMark : uint8_t {
    kUnknown,
    kDestructor,  // the byte at destructor_offset of the second struct page, until 6.5
    kFlag,        // a flag of the second struct page, 6.6 to 6.8
    kType,        // a page type, since 6.9 (d99e3140a4d3)
  };

  // The error names the key without which no page can be classified safely. Other missing keys are named in `notes`,
  // with the pages that are kept because of it.
  static Result<StructPageLayout> Read(const Vmcoreinfo& vmcoreinfo, TargetFormat format);

  TargetFormat format;
  uint32_t bytes = 0;  // of a struct page
  // Offsets of fields.
  uint32_t flags = 0, refcount = 0, mapcount = 0, mapping = 0, private_data = 0;
  uint32_t compound = 0;  // compound_head, since 7.1 compound_info; bit 0 set: not the first of its compound page

  // Flags as masks of the flags word; 0: the kernel has no such flag.
  uint64_t lru = 0, private_flag = 0, swap_cache = 0, swap_backed = 0, head = 0, slab_flag = 0, hwpoison = 0;

  std::optional<PageType> buddy, offline, slab, unaccepted;
  uint32_t free_orders = 0;  // blocks of free pages have orders below this

  OrderPlace order_place = OrderPlace::kUnknown;
  uint32_t order_offset = 0;
  HugetlbMark hugetlb_mark = HugetlbMark::kUnknown;
  uint32_t destructor_offset = 0;
  uint8_t hugetlb_destructor = 0;
  uint64_t hugetlb_flag = 0;
  std::optional<PageType> hugetlb;

  std::vector<std::string> notes;
};

}  // namespace crashdump
