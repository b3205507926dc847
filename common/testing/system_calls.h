// SPDX-License-Identifier: GPL-2.0-or-later
// Calls of the C library that tests need in their hands: fsync(2), because what was not flushed is what a power cut
// takes; getrandom(2), so that keys and ids follow from a seed; fstatfs(2), because others fill and empty the disk that
// the tests run on; aligned_alloc(3), of which all large buffers are made, because memory can be short. The program of
// the unit tests has definitions of its own for them (system_calls.cc), which ask the kernel or the library unless one
// of the objects below exists.
#pragma once

#include <atomic>
#include <optional>

#include "common/testing/random.h"

namespace crashdump {

// Sees every fsync(2) of the program while it exists.
class FsyncObserver {
 public:
  FsyncObserver();
  virtual ~FsyncObserver();
  FsyncObserver(const FsyncObserver&) = delete;
  FsyncObserver& operator=(const FsyncObserver&) = delete;

  // The error number that the call ends with, 0 for success; nothing: the descriptor is none of this observer's.
  virtual std::optional<int> OnFsync(int fd) = 0;
};

// While it exists, getrandom(2) gives what follows from the seed. One at a time.
class SeededRandomness {
 public:
  explicit SeededRandomness(uint64_t seed);
  ~SeededRandomness();
  SeededRandomness(const SeededRandomness&) = delete;
  SeededRandomness& operator=(const SeededRandomness&) = delete;

 private:
  Random random_;
};

// While it exists, every filesystem has so many bytes free, cut to whole blocks. One at a time.
class FixedFreeSpace {
 public:
  explicit FixedFreeSpace(uint64_t bytes);
  ~FixedFreeSpace();
  FixedFreeSpace(const FixedFreeSpace&) = delete;
  FixedFreeSpace& operator=(const FixedFreeSpace&) = delete;
};

// While it exists, calls of aligned_alloc(3) for buffers are counted, and the n-th, from 0, fails. One at a time. What
// is aligned to less than kDiskUnit is an object: on i386 operator new has it from there, and may not fail.
class AllocationFault {
 public:
  explicit AllocationFault(std::optional<uint64_t> fails = std::nullopt);
  ~AllocationFault();
  AllocationFault(const AllocationFault&) = delete;
  AllocationFault& operator=(const AllocationFault&) = delete;

  uint64_t count() const { return count_; }
  // Whether this call fails.
  bool Next() { return count_++ == fails_; }

 private:
  std::optional<uint64_t> fails_;
  std::atomic<uint64_t> count_ = 0;
};

}  // namespace crashdump
