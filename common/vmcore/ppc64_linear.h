// SPDX-License-Identifier: GPL-2.0-or-later
// The linear mapping of ppc64 kernels: what is needed before anything else can be translated.
#pragma once

#include "common/base/result.h"
#include "common/vmcore/address_translation.h"
#include "common/vmcore/vmcore.h"

namespace crashdump {

// Physical address 0 is here, whatever the kernel and the MMU. Linux arch/powerpc/Kconfig, PAGE_OFFSET.
inline constexpr uint64_t kPpc64LinearBase = 0xc000000000000000;

// As far as the vmcore has memory; above are other regions of the address space, differing by kernel and MMU.
LinearMapping Ppc64LinearMapping(const Vmcore& vmcore);

// The physical address of a linearly mapped one; kCorrupt if it is none.
Result<uint64_t> Ppc64LinearToPhysical(const Vmcore& vmcore, uint64_t address);

// The unsigned integer of `size` bytes (1 to 8) at a linearly mapped address.
Result<uint64_t> ReadPpc64Linear(const Vmcore& vmcore, uint64_t address, uint32_t size);

}  // namespace crashdump
