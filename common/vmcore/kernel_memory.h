// SPDX-License-Identifier: GPL-2.0-or-later
// KernelMemory: the crashed kernel's memory by its own virtual addresses.
#pragma once

#include <optional>
#include <vector>

#include "common/base/result.h"
#include "common/vmcore/kernel_mappings.h"
#include "common/vmcore/vmcore.h"

namespace crashdump {

// Translates by what kernel_mappings.h finds for the machine: what is mapped linearly first, then the kernel's own
// records, for files that state no virtual addresses and for memory that is not mapped linearly.
class KernelMemory {
 public:
  // `vmcore` must outlive this object and stay where it is. Fails if there is no VMCOREINFO.
  static Result<KernelMemory> Open(const Vmcore& vmcore);

  const Vmcore& vmcore() const { return *vmcore_; }
  const Vmcoreinfo& vmcoreinfo() const { return *vmcoreinfo_; }
  TargetFormat format() const { return vmcore_->format(); }

  // kNotFound, saying which ways were tried, if no way leads there. A result is not proof that the vmcore holds that
  // physical address.
  Result<PhysicalSpan> Translate(uint64_t virtual_address) const;

  // Fills all of `out`, page by page; the memory need not be physically contiguous. Safe to call from several threads.
  Result<> Read(uint64_t virtual_address, MutableBytes out) const;
  // The unsigned integer of `size` bytes (1 to 8) at the address.
  Result<uint64_t> ReadInteger(uint64_t virtual_address, uint32_t size) const;
  // The same for an unsigned long or a pointer.
  Result<uint64_t> ReadWord(uint64_t virtual_address) const {
    return ReadInteger(virtual_address, format().word_bytes());
  }

 private:
  KernelMemory(const Vmcore& vmcore, const Vmcoreinfo& vmcoreinfo)
      : vmcore_(&vmcore), vmcoreinfo_(&vmcoreinfo), mappings_(OpenKernelMappings(vmcore, vmcoreinfo)) {}

  const Vmcore* vmcore_;
  const Vmcoreinfo* vmcoreinfo_;
  KernelMappings mappings_;
};

// Reads many small neighbouring things from kernel memory with one read per page. For one thread.
class CachedKernelReader {
 public:
  // `memory` must outlive this object. Allocates one page.
  explicit CachedKernelReader(const KernelMemory& memory);

  Result<> Read(uint64_t virtual_address, MutableBytes out);
  // The unsigned integer of `size` bytes (1 to 8) at the address.
  Result<uint64_t> ReadInteger(uint64_t virtual_address, uint32_t size);

 private:
  const KernelMemory* memory_;
  std::vector<uint8_t> page_;
  std::optional<uint64_t> cached_;  // the virtual address of what page_ holds
};

}  // namespace crashdump
