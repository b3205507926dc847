// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/freed_memory.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "common/base/io.h"
#include "common/base/pipe.h"
#include "common/base/units.h"

namespace crashdump {
namespace {

// What is in a pipe is in pages that the kernel takes for itself, one by one (fs/pipe.c, 6.1, pipe_write).
void OverwriteKernelPages(uint64_t bytes) {
  const Result<Pipe> pipe = Pipe::Open();
  if (!pipe.ok()) return;
  const int writer = pipe.value().writer.get();
  if (fcntl(writer, F_SETFL, O_NONBLOCK) != 0) return;
  (void)fcntl(writer, F_SETPIPE_SZ, static_cast<int>(bytes));
  const std::vector<uint8_t> page(static_cast<size_t>(sysconf(_SC_PAGESIZE)));
  while (WriteFull(writer, page).ok()) {
  }
}

void OverwriteProgramPages(size_t bytes) {
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  // No huge pages: those are not in the lists of single pages.
  (void)madvise(memory, bytes, MADV_NOHUGEPAGE);
  memset(memory, 0, bytes);
  (void)munmap(memory, bytes);
}

}  // namespace

FreedMemory::FreedMemory() {
  // The C library's type is too small for large machines, the calls take any.
  const int current = sched_getcpu();
  if (current < 0) return;
  constexpr size_t kBits = 8 * sizeof(allowed_[0]);
  const auto processor = static_cast<size_t>(current);
  if (processor / kBits >= allowed_.size()) return;
  Processors one{};
  one[processor / kBits] = 1UL << processor % kBits;
  bound_ = sched_getaffinity(0, sizeof(allowed_), reinterpret_cast<cpu_set_t*>(allowed_.data())) == 0 &&
           sched_setaffinity(0, sizeof(one), reinterpret_cast<const cpu_set_t*>(one.data())) == 0;
}

FreedMemory::~FreedMemory() {
  if (bound_) (void)sched_setaffinity(0, sizeof(allowed_), reinterpret_cast<const cpu_set_t*>(allowed_.data()));
}

void FreedMemory::Overwrite(uint64_t bytes) const {
  bytes = std::min(bytes, kMostBytes);
  OverwriteKernelPages(std::min(bytes, kMostKernelBytes));
  OverwriteProgramPages(static_cast<size_t>(bytes));
}

}  // namespace crashdump
