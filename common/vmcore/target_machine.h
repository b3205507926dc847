// SPDX-License-Identifier: GPL-2.0-or-later
// The machines that are known: one table of what all kernels of a machine have in common. How their virtual addresses
// are translated: kernel_mappings.h.
#pragma once

#include <cstdint>
#include <span>

#include "common/vmcore/target_data.h"

namespace crashdump {

// Of kernels with SPARSEMEM that do not tell: a section has 1 << section bytes, memory ends below 1 << memory.
struct PhysicalBits {
  uint64_t section = 0;
  uint64_t memory = 0;
};

struct TargetMachine {
  uint16_t elf_machine;  // EM_*
  // Of the kernel. An ELF file about a machine of 32 bits has 64-bit headers if its memory reaches 4 GiB.
  TargetFormat format;
  const char* name;    // as uname prints it
  uint64_t page_size;  // 0: kernels of this machine are built for several
  // Each pair that kernels were built with; where LENGTH(mem_section) does not decide, the first.
  std::span<const PhysicalBits> physical_bits;
};

// Null if the machine is unknown.
const TargetMachine* FindTargetMachine(uint16_t elf_machine, ByteOrder order);

}  // namespace crashdump
