// SPDX-License-Identifier: GPL-2.0-or-later
// Ppc64Linear: the linear mapping of ppc64 kernels, which is needed before anything else can be translated.
#pragma once

#include "common/base/result.h"
#include "common/vmcore/address_translation.h"
#include "common/vmcore/vmcore.h"

namespace crashdump {

class Ppc64Linear {
 public:
  // Physical address 0 is here, whatever the kernel and the MMU. Linux arch/powerpc/Kconfig, PAGE_OFFSET.
  static constexpr uint64_t kBase = 0xc000000000000000;

  // `vmcore` must outlive this object.
  explicit Ppc64Linear(const Vmcore& vmcore);

  // As far as the vmcore has memory; above are other regions of the address space, differing by kernel and MMU.
  const LinearMapping& mapping() const { return mapping_; }

  // kCorrupt if the address is not in the mapping.
  Result<uint64_t> ToPhysical(uint64_t address) const;
  // The unsigned integer of `size` bytes (1 to 8) at the address.
  Result<uint64_t> ReadInteger(uint64_t address, uint32_t size) const;

 private:
  const Vmcore* vmcore_;
  LinearMapping mapping_;
};

}  // namespace crashdump
