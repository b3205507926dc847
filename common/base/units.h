// SPDX-License-Identifier: GPL-2.0-or-later
// Sizes, ranges and the arithmetic on them that must not overflow.
#pragma once

#include <cstdint>
#include <optional>

namespace crashdump {

inline constexpr uint64_t kKiB = 1024;
inline constexpr uint64_t kMiB = 1024 * kKiB;
inline constexpr uint64_t kGiB = 1024 * kMiB;

// Every unit that is written to a disk begins and ends at a multiple of this: no logical block is larger.
inline constexpr uint64_t kDiskUnit = 4096;

// `alignment` is a power of two. The caller knows that value + alignment does not overflow.
constexpr uint64_t AlignUp(uint64_t value, uint64_t alignment) { return (value + alignment - 1) & ~(alignment - 1); }
constexpr uint64_t AlignDown(uint64_t value, uint64_t alignment) { return value & ~(alignment - 1); }
constexpr bool IsAligned(uint64_t value, uint64_t alignment) { return (value & (alignment - 1)) == 0; }
constexpr bool IsPowerOfTwo(uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

constexpr std::optional<uint64_t> CheckedAdd(uint64_t a, uint64_t b) {
  uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}
constexpr std::optional<uint64_t> CheckedMultiply(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// The half-open range [begin, end) of bytes or page frames. Empty if begin == end; never begin > end.
struct Range {
  uint64_t begin = 0;
  uint64_t end = 0;

  constexpr uint64_t size() const { return end - begin; }
  constexpr bool empty() const { return begin == end; }
  constexpr bool Contains(uint64_t value) const { return value >= begin && value < end; }
  constexpr bool Contains(const Range& other) const { return other.begin >= begin && other.end <= end; }
  constexpr bool Overlaps(const Range& other) const { return begin < other.end && other.begin < end; }
  constexpr bool operator==(const Range&) const = default;
};

}  // namespace crashdump
