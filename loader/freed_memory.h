// SPDX-License-Identifier: GPL-2.0-or-later
// FreedMemory: what a system call or a program has given back to the kernel with keys in it, to be overwritten.
//
// kexec_file_load reads the initramfs into pages of its own and frees them as they are (kernel/kexec_file.c, 6.1,
// kimage_file_post_load_cleanup); so does a program when it ends. A dump of the default level leaves free pages out,
// but each processor has a list of the pages it freed last (mm/page_alloc.c, 6.1, free_unref_page_commit), and those in
// it cannot be told from the kernel's own. Who next asks for memory of the same kind on the same processor gets them,
// the last first.
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

  // Overwrites the last kKernelBytes, or a little more or less, of what the kernel itself gave back. As far as there is
  // memory; there is nothing to do about it where there is none.
  void OverwriteKernelPages() const;
  // As much of what programs gave back.
  void OverwriteProgramPages(uint64_t bytes) const;

  // As long as pipes may be (fs.pipe-max-size, unless it was changed).
  static constexpr uint64_t kKernelBytes = kMiB;

 private:
  // For as many processors as a kernel can be configured for (NR_CPUS).
  using Processors = std::array<unsigned long, 8192 / (8 * sizeof(unsigned long))>;
  Processors allowed_{};
  bool bound_ = false;
};

}  // namespace crashdump
