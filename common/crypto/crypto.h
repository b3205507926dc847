// SPDX-License-Identifier: GPL-2.0-or-later
// A thin cover over libsodium: BLAKE2b tags, XChaCha20 streams, random bytes, keys that wipe themselves.
// Nothing outside common/crypto includes <sodium.h>. What is protected by what stands in docs/dump-format.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace crashdump {

// Must succeed before anything else here is used; may be called again. It never blocks: before sodium_init() it
// installs a source of random bytes for libsodium that is RandomBytesNoWait() below, because libsodium's own waits
// for entropy, and early in a capture kernel there is nobody to make any.
Result<> InitializeCrypto();

// Fills `out` from the kernel's generator; waits until that is seeded. For keys and identifiers, on healthy systems.
Result<> RandomBytes(MutableBytes out);

// Fills `out` without ever waiting: from getrandom(GRND_NONBLOCK), or while the kernel's generator is not seeded from
// a hash over what differs between runs (clocks, process id, AT_RANDOM, a counter). The latter is unlikely to repeat
// but can be guessed: one ingredient among others of an attempt id, never a key.
void RandomBytesNoWait(MutableBytes out);

// Overwrites memory in a way that the compiler does not remove.
void Wipe(MutableBytes bytes);

// Compares in a time that depends on the sizes only.
bool ConstantTimeEqual(Bytes a, Bytes b);

// A secret of 32 bytes. Moved, never copied by accident; wiped when it is moved away or destroyed. A new one is zero.
class Key {
 public:
  static constexpr size_t kBytes = 32;

  Key() = default;
  // `bytes` must be exactly kBytes long. The caller wipes his copy.
  explicit Key(Bytes bytes);
  ~Key();
  Key(Key&& other) noexcept;
  Key& operator=(Key&& other) noexcept;
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  // From RandomBytes().
  static Result<Key> Generate();

  Key Copy() const;
  // Valid as long as this object.
  Bytes bytes() const { return bytes_; }
  MutableBytes mutable_bytes() { return bytes_; }

 private:
  std::array<uint8_t, kBytes> bytes_{};
};

// The result of BLAKE2b-256.
using Hash = std::array<uint8_t, 32>;

Hash Hash256(Bytes data);
Hash Hash256(const Key& key, Bytes data);

// BLAKE2b-256 over data that come in parts. A copy goes on independently of its original.
class HashStream {
 public:
  HashStream();
  explicit HashStream(const Key& key);
  ~HashStream();
  HashStream(const HashStream&) = default;
  HashStream& operator=(const HashStream&) = default;

  void Update(Bytes data);
  // The hash of everything up to now. The stream can be updated further.
  Hash Current() const;

 private:
  // Room for libsodium's crypto_generichash_state, which the .cc file checks.
  alignas(64) std::array<uint8_t, 384> state_;
};

inline constexpr size_t kStreamNonceBytes = 24;

// Encrypts or decrypts `data` in place with XChaCha20. A nonce must never serve twice with one key.
void XorStream(const Key& key, const std::array<uint8_t, kStreamNonceBytes>& nonce, MutableBytes data);

}  // namespace crashdump
