// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/system_calls.h"

#include <sys/random.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "common/base/result.h"
#include "common/base/units.h"

namespace crashdump {
namespace {

// Made at the first use and never destroyed: calls come at any time.
std::vector<FsyncObserver*>& Observers() {
  static auto* const observers = new std::vector<FsyncObserver*>();
  return *observers;
}

Random* randomness = nullptr;
std::optional<uint64_t> free_space;
std::atomic<AllocationFault*> allocation_fault = nullptr;

}  // namespace

FsyncObserver::FsyncObserver() { Observers().push_back(this); }
FsyncObserver::~FsyncObserver() { std::erase(Observers(), this); }

SeededRandomness::SeededRandomness(uint64_t seed) : random_(seed) {
  Require(randomness == nullptr);
  randomness = &random_;
}
SeededRandomness::~SeededRandomness() { randomness = nullptr; }

FixedFreeSpace::FixedFreeSpace(uint64_t bytes) {
  Require(!free_space);
  free_space = bytes;
}
FixedFreeSpace::~FixedFreeSpace() { free_space.reset(); }

AllocationFault::AllocationFault(std::optional<uint64_t> fails) : fails_(fails) {
  Require(allocation_fault == nullptr);
  allocation_fault = this;
}
AllocationFault::~AllocationFault() { allocation_fault = nullptr; }

}  // namespace crashdump

// In place of the C library's, which a linker takes only for what is not defined by then.
extern "C" int fsync(int fd) {
  for (crashdump::FsyncObserver* const observer : crashdump::Observers()) {
    if (const std::optional<int> error = observer->OnFsync(fd)) {
      errno = *error;
      return *error == 0 ? 0 : -1;
    }
  }
  return static_cast<int>(syscall(SYS_fsync, fd));
}

extern "C" ssize_t getrandom(void* buffer, size_t size, unsigned flags) {
  if (crashdump::randomness == nullptr) return syscall(SYS_getrandom, buffer, size, flags);
  auto* out = static_cast<uint8_t*>(buffer);
  for (size_t done = 0; done < size;) {
    const uint64_t number = crashdump::randomness->Next();
    const size_t part = std::min(size - done, sizeof(number));
    memcpy(out + done, &number, part);
    done += part;
  }
  return static_cast<ssize_t>(size);
}

// The linker's --wrap leads the project's calls here, and those of libc++: a sanitizer has an aligned_alloc() of its
// own.
extern "C" void* __real_aligned_alloc(size_t alignment, size_t size);   // NOLINT(bugprone-reserved-identifier)
extern "C" void* __wrap_aligned_alloc(size_t alignment, size_t size) {  // NOLINT(bugprone-reserved-identifier)
  crashdump::AllocationFault* const fault = crashdump::allocation_fault;
  const bool is_buffer = alignment >= crashdump::kDiskUnit;
  if (is_buffer && fault != nullptr && fault->Next()) {
    errno = ENOMEM;
    return nullptr;
  }
  return __real_aligned_alloc(alignment, size);
}

extern "C" int fstatfs(int fd, struct statfs* out) {
#ifdef SYS_fstatfs64
  // The C library's structure is that of this call, where there are both.
  if (syscall(SYS_fstatfs64, fd, sizeof(*out), out) != 0) return -1;
#else
  if (syscall(SYS_fstatfs, fd, out) != 0) return -1;
#endif
  if (crashdump::free_space) out->f_bavail = *crashdump::free_space / static_cast<uint64_t>(out->f_frsize);
  return 0;
}
