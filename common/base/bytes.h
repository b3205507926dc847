// SPDX-License-Identifier: GPL-2.0-or-later
// Views of memory, as zstd, libsodium and the kernel take them. A view always borrows.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace crashdump {

using Bytes = std::span<const uint8_t>;
using MutableBytes = std::span<uint8_t>;

// The bytes of an on-disk structure (trivially copyable, without padding).
template <typename T>
  requires(!std::is_convertible_v<T, std::string_view>)
Bytes BytesOf(const T& object) {
  static_assert(std::is_trivially_copyable_v<T> && alignof(T) == 1);
  return {reinterpret_cast<const uint8_t*>(&object), sizeof(T)};
}

// Copies an on-disk structure out of the front of `bytes`, which must be long enough.
template <typename T>
T LoadObject(Bytes bytes) {
  static_assert(std::is_trivially_copyable_v<T> && alignof(T) == 1);
  T object;
  memcpy(&object, bytes.first(sizeof(T)).data(), sizeof(T));
  return object;
}

inline Bytes BytesOf(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

inline MutableBytes MutableBytesOf(std::string& text) { return {reinterpret_cast<uint8_t*>(text.data()), text.size()}; }

inline std::string_view TextOf(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

inline bool Equal(Bytes a, Bytes b) {
  return a.size() == b.size() && (a.empty() || memcmp(a.data(), b.data(), a.size()) == 0);
}

inline bool AllZero(Bytes bytes) {
  // Comparing the buffer with itself shifted by one byte uses the C library's vectorised memcmp.
  return bytes.empty() || (bytes[0] == 0 && memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace crashdump
