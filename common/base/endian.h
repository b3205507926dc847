// SPDX-License-Identifier: GPL-2.0-or-later
// Integers of fixed byte order as byte arrays: alignment 1 and the same layout on every architecture, so that an
// on-disk structure made of them is its own description.
#pragma once

#include <cstdint>
#include <type_traits>

namespace crashdump {

template <typename T>
class LittleEndian {
 public:
  static_assert(std::is_unsigned_v<T>);
  LittleEndian() = default;
  constexpr LittleEndian(T value) { *this = value; }  // NOLINT(google-explicit-constructor)
  constexpr LittleEndian& operator=(T value) {
    for (auto& byte : bytes_) {
      byte = static_cast<uint8_t>(value);
      if constexpr (sizeof(T) > 1) value = static_cast<T>(value >> 8);
    }
    return *this;
  }
  constexpr operator T() const {  // NOLINT(google-explicit-constructor)
    T value = 0;
    for (unsigned i = sizeof(T); i-- > 0;) value = static_cast<T>(static_cast<T>(value << 8) | bytes_[i]);
    return value;
  }

 private:
  uint8_t bytes_[sizeof(T)];
};

using le16 = LittleEndian<uint16_t>;
using le32 = LittleEndian<uint32_t>;
using le64 = LittleEndian<uint64_t>;

static_assert(sizeof(le16) == 2 && sizeof(le32) == 4 && sizeof(le64) == 8);
static_assert(alignof(le16) == 1 && alignof(le32) == 1 && alignof(le64) == 1);
static_assert(std::is_trivially_copyable_v<le64> && std::is_standard_layout_v<le64>);

}  // namespace crashdump
