// SPDX-License-Identifier: GPL-2.0-or-later
// FreedMemory: what a system call or a program has given back to the kernel with keys in it, to be overwritten.
//
// kexec_file_load reads the initramfs into pages of its own and frees them as they are (kernel/kexec_file.c, 6.1,
// kimage_file_post_load_cleanup); so does a program when it ends. A dump of the default level leaves free pages out,
// but each processor has lists of the pages it freed last (mm/page_alloc.c, 6.1, free_unref_page_commit), and those in
// them cannot be told from the kernel's own. Who next asks for memory on the same processor gets them, the last first,
// from the list for the kernel's pages or that for programs': which of them a page is in, its surroundings decide and
// not who has had it (get_pfnblock_migratetype).
#pragma once

#include <array>
#include <cstdint>

#include "common/base/units.h"

namespace crashdump {

class FreedMemory {
 public:
  // Until the object goes this thread, and what it starts, stay on one processor.
  FreedMemory();
  FreedMemory(const FreedMemory&) = delete;
  FreedMemory& operator=(const FreedMemory&) = delete;
  ~FreedMemory();

  // Overwrites about as many bytes of what was given back last, in the one list and in the other, but no more than
  // kMostBytes. As far as there is memory: there is nothing to do about it where there is none.
  void Overwrite(uint64_t bytes) const;

  // More than such a list holds on most machines, and not so much that others would have to go without.
  static constexpr uint64_t kMostBytes = 64 * kMiB;
  // As much as a pipe may hold (fs.pipe-max-size, unless it was changed), and so of the list for the kernel.
  static constexpr uint64_t kMostKernelBytes = kMiB;

 private:
  // For as many processors as a kernel can be configured for (NR_CPUS).
  using Processors = std::array<unsigned long, 8192 / (8 * sizeof(unsigned long))>;
  Processors allowed_{};
  bool bound_ = false;
};

}  // namespace crashdump
