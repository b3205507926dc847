// SPDX-License-Identifier: GPL-2.0-or-later
// MemoryMap: where the crashed kernel keeps the struct page of each page frame.
#pragma once

#include <optional>
#include <vector>

#include "common/base/result.h"
#include "common/vmcore/kernel_memory.h"
#include "common/vmcore/physical_memory.h"

namespace crashdump {

// Page frames whose struct pages lie side by side in virtual memory, or that have none.
struct MemoryMapPart {
  Range pfns;
  std::optional<uint64_t> address;  // of the struct page of pfns.begin; nothing: these page frames have none
  bool is_unreadable = false;       // whether they have any cannot be read
};

// The models of Linux include/asm-generic/memory_model.h: SPARSEMEM (with and without VMEMMAP; its array of sections in
// one or two levels), and DISCONTIGMEM and FLATMEM (an array per node). For one thread.
class MemoryMap {
 public:
  // `kernel` and `physical` must outlive this object. Fails, saying what is missing or makes no sense, if the struct
  // pages cannot be found. `struct_bytes` is the size of a struct page.
  static Result<MemoryMap> Open(const KernelMemory& kernel, const PhysicalMemory& physical, uint32_t struct_bytes);

  // The part that holds `pfn`. At most a section, or a node; never empty.
  MemoryMapPart Find(uint64_t pfn);

 private:
  struct Sections {
    uint64_t table = 0;             // virtual address of mem_section
    uint64_t entry_bytes = 0;       // of a struct mem_section
    uint64_t map_offset = 0;        // of section_mem_map in it
    uint64_t entries_per_root = 0;  // mem_section is an array of pointers to so many entries; 0: of entries
    uint64_t count = 0;             // sections that there can be
    unsigned pages_bits = 0;        // a section has 1 << pages_bits pages
  };

  MemoryMap(const KernelMemory& kernel, uint32_t struct_bytes)
      : kernel_(&kernel), struct_bytes_(struct_bytes), roots_(kernel), entries_(kernel) {}
  Result<> OpenSections(const PhysicalMemory& physical);
  Result<> OpenNodes();
  Result<> AddNode(uint64_t address);
  // Whether the first sections of memory have struct pages that can be found.
  bool SectionsMakeSense(const PhysicalMemory& physical);
  MemoryMapPart FindInSections(uint64_t pfn);
  Result<std::optional<uint64_t>> SectionAddress(uint64_t section);
  Result<uint64_t> ReadWord(CachedKernelReader& reader, uint64_t address);

  const KernelMemory* kernel_;
  uint32_t struct_bytes_;
  std::optional<Sections> sections_;
  std::vector<MemoryMapPart> nodes_;  // sorted by pfn; only if there are no sections
  CachedKernelReader roots_, entries_;
};

}  // namespace crashdump
