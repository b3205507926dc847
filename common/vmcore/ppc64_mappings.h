// SPDX-License-Identifier: GPL-2.0-or-later
// The addresses of ppc64 kernels of both byte orders, on 64-bit server processors (Linux CONFIG_PPC_BOOK3S_64).
#pragma once

#include "common/vmcore/kernel_mappings.h"

namespace crashdump {

// All memory is mapped linearly, the kernel's image too. The rest is in page tables that processors know (the radix
// MMU, POWER9 and later) or not (the hash MMU): there the kernel keeps a list of what its struct pages are in.
void AddPpc64Mappings(const Vmcore& vmcore, const Vmcoreinfo& vmcoreinfo, KernelMappings& mappings);

}  // namespace crashdump
