// SPDX-License-Identifier: GPL-2.0-or-later
// Keys that are sealed to a public key, so that only its private half can open them (libsodium's crypto_box_seal:
// X25519, XSalsa20-Poly1305, an ephemeral pair for each).
#pragma once

#include <array>
#include <cstdint>

#include "common/base/result.h"
#include "common/crypto/crypto.h"

namespace crashdump {

using PublicKey = std::array<uint8_t, 32>;
using SealedKey = std::array<uint8_t, 80>;

// Of a private key, which may be any 32 random bytes (Key::Generate()).
PublicKey PublicKeyOf(const Key& private_key);

// Waits until the kernel's generator of random bytes is seeded: what is sealed with bytes that can be guessed is open.
Result<SealedKey> SealKey(const PublicKey& public_key, const Key& key);

// kCorrupt if it was sealed to another key, or is not as it was.
Result<Key> OpenSealedKey(const Key& private_key, const SealedKey& sealed);

}  // namespace crashdump
