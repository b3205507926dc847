// SPDX-License-Identifier: GPL-2.0-or-later
// StructPageReader: the struct pages of consecutive page frames, side by side, with few reads.
#pragma once

#include <vector>

#include "common/base/result.h"
#include "common/vmcore/kernel_memory.h"
#include "common/vmcore/memory_map.h"
#include "common/vmcore/page_reader.h"

namespace crashdump {

// For one thread.
class StructPageReader {
 public:
  // At most so many struct pages are handed out at once, and up to a multiple of it: the second page of a compound
  // page, which begins at an even page frame, is always in the window of the first, if it can be read at all.
  static constexpr uint64_t kWindowPages = 1024;

  // Everything borrowed must outlive the reader. Allocates two buffers of a window; nothing is allocated later.
  // `struct_bytes` is at most a page.
  static Result<StructPageReader> Create(const KernelMemory& kernel, const PhysicalMemory& physical, MemoryMap map,
                                         uint32_t struct_bytes);

  struct Window {
    Range pfns;                  // begins at the page frame that was asked for
    Bytes pages;                 // their struct pages; empty if the kernel has none for them, or they cannot be read
    bool is_unreadable = false;  // the latter
  };
  // Valid until the next call.
  Window Read(uint64_t pfn);

 private:
  StructPageReader(const KernelMemory& kernel, MemoryMap map, PageReader reader, uint32_t struct_bytes);
  // Each fills from the address on; how many bytes could be read.
  uint64_t ReadBuffer(uint64_t address, uint64_t bytes);
  uint64_t ReadPhysical(uint64_t physical, MutableBytes out);

  const KernelMemory* kernel_;
  MemoryMap map_;
  PageReader reader_;  // maps /proc/vmcore, where each page read costs a mapping of its own
  uint32_t struct_bytes_;
  std::vector<uint8_t> buffer_;
  // The last translation, virtual addresses and where the first leads: a 2 MiB page of struct pages has many windows.
  Range translated_{};
  uint64_t translated_to_ = 0;
};

}  // namespace crashdump
