// SPDX-License-Identifier: GPL-2.0-or-later
// The addresses of x86_64 kernels: the image's own mapping, and page tables of 4 or 5 levels with pages of 4 KiB, 2 MiB
// and 1 GiB (Intel SDM volume 3, chapter "Paging").
#pragma once

#include "common/vmcore/kernel_mappings.h"

namespace crashdump {

// Where the image of an x86_64 kernel is linked to (Linux arch/x86/include/asm/page_64_types.h, __START_KERNEL_map).
// In the image, physical = virtual - kX86_64KernelImageBase + phys_base.
inline constexpr uint64_t kX86_64KernelImageBase = 0xffffffff80000000;

// The top-level table is found through SYMBOL(init_top_pgt) (init_level4_pgt before 4.13) and NUMBER(phys_base); the
// error of what is missing names the key.
void AddX86_64Mappings(const Vmcore& vmcore, const Vmcoreinfo& vmcoreinfo, KernelMappings& mappings);

}  // namespace crashdump
