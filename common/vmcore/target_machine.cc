// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/target_machine.h"

#include "common/vmcore/elf_layout.h"

namespace crashdump {
namespace {

using enum ByteOrder;

// arch/x86/include/asm/sparsemem.h: with four and five levels of page tables; without and with PAE.
constexpr PhysicalBits kX86_64Bits[] = {{27, 46}, {27, 52}};
constexpr PhysicalBits kI386Bits[] = {{26, 32}, {29, 36}};
// arch/powerpc/include/asm/sparsemem.h and book3s/64/mmu.h: MAX_PHYSMEM_BITS was 44, 46, 47 and 51, by version and
// page size.
constexpr PhysicalBits kPpc64Bits[] = {{24, 51}, {24, 47}, {24, 46}, {24, 44}};

constexpr TargetMachine kMachines[] = {
    {kElfMachineX86_64, {kLittle, WordSize::k64}, "x86_64", 4096, kX86_64Bits},
    {kElfMachine386, {kLittle, WordSize::k32}, "i686", 4096, kI386Bits},
    {kElfMachinePpc64, {kLittle, WordSize::k64}, "ppc64le", 0, kPpc64Bits},
    {kElfMachinePpc64, {kBig, WordSize::k64}, "ppc64", 0, kPpc64Bits},
    {kElfMachinePpc, {kBig, WordSize::k32}, "ppc", 0, {}},
};

}  // namespace

const TargetMachine* FindTargetMachine(uint16_t elf_machine, ByteOrder order) {
  for (const TargetMachine& machine : kMachines) {
    if (machine.elf_machine == elf_machine && machine.format.order == order) return &machine;
  }
  return nullptr;
}

}  // namespace crashdump
