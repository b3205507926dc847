// SPDX-License-Identifier: GPL-2.0-or-later
// The addresses of i386 kernels: page tables of two levels, or three with PAE (Intel SDM volume 3, chapter "Paging").
#pragma once

#include "common/vmcore/kernel_mappings.h"

namespace crashdump {

// The kernel's low memory begins at PAGE_OFFSET, which no key states: it is the one by which swapper_pg_dir is found to
// map itself. Then nothing but the page tables is believed, or else the PT_LOADs alone.
void AddI386Mappings(const Vmcore& vmcore, const Vmcoreinfo& vmcoreinfo, KernelMappings& mappings);

}  // namespace crashdump
