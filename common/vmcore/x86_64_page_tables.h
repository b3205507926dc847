// SPDX-License-Identifier: GPL-2.0-or-later
// X86_64PageTables: the crashed kernel's own translation of virtual addresses: 4 or 5 levels, pages of 4 KiB, 2 MiB
// and 1 GiB. Intel SDM volume 3, chapter "Paging".
#pragma once

#include "common/base/result.h"
#include "common/vmcore/vmcore.h"

namespace crashdump {

// Where the image of an x86_64 kernel is linked to (Linux arch/x86/include/asm/page_64_types.h, __START_KERNEL_map).
// In the image, physical = virtual - kX86_64KernelImageBase + phys_base.
inline constexpr uint64_t kX86_64KernelImageBase = 0xffffffff80000000;

// Consecutive physical memory that consecutive virtual addresses lead to.
struct PhysicalSpan {
  uint64_t address = 0;
  uint64_t bytes = 0;  // from there on, at least 1
};

class X86_64PageTables {
 public:
  // Finds the top-level table through SYMBOL(init_top_pgt) (init_level4_pgt before 4.13) and NUMBER(phys_base).
  // The error names the missing key. `vmcore` must outlive this object.
  static Result<X86_64PageTables> Open(const Vmcore& vmcore, const Vmcoreinfo& vmcoreinfo);

  // Where the address leads, up to the end of the page that maps it (4 KiB to 1 GiB). kNotFound, with the level, if it
  // is not mapped; else the error of reading a table. Reads at most five entries whatever the tables hold.
  Result<PhysicalSpan> Translate(uint64_t virtual_address) const;

 private:
  X86_64PageTables(const Vmcore& vmcore, uint64_t top, unsigned levels, uint64_t encryption_mask)
      : vmcore_(&vmcore), top_(top), levels_(levels), encryption_mask_(encryption_mask) {}

  const Vmcore* vmcore_;
  uint64_t top_;  // physical address
  unsigned levels_;
  uint64_t encryption_mask_;  // AMD SME: the bit of an entry that says "encrypted" and is no address bit
};

}  // namespace crashdump
