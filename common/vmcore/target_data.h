// SPDX-License-Identifier: GPL-2.0-or-later
// How the crashed machine stores integers: its byte order and word size, known only at run time. One code path reads
// the ELF files and kernel structures of all machines.
#pragma once

#include <cstdint>

#include "common/base/bytes.h"

namespace crashdump {

enum class ByteOrder : uint8_t { kLittle, kBig };

// Bytes of an `unsigned long` and of a pointer.
enum class WordSize : uint8_t { k32 = 4, k64 = 8 };

struct TargetFormat {
  ByteOrder order = ByteOrder::kLittle;
  WordSize word = WordSize::k64;

  constexpr uint32_t word_bytes() const { return static_cast<uint32_t>(word); }
  constexpr uint64_t word_mask() const { return word == WordSize::k64 ? UINT64_MAX : UINT32_MAX; }
  constexpr bool operator==(const TargetFormat&) const = default;
};

// The unsigned integer in all of `bytes` (1 to 8 of them).
constexpr uint64_t LoadInteger(Bytes bytes, ByteOrder order) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    value = value << 8 | bytes[order == ByteOrder::kBig ? i : bytes.size() - 1 - i];
  }
  return value;
}

// The reverse, for the builders of tests and for exporters: the low bytes of `value` fill all of `out`.
constexpr void StoreInteger(MutableBytes out, uint64_t value, ByteOrder order) {
  for (size_t i = 0; i < out.size(); ++i) {
    out[order == ByteOrder::kBig ? out.size() - 1 - i : i] = static_cast<uint8_t>(value >> (8 * i));
  }
}

}  // namespace crashdump
