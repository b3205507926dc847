// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/crypto/sealed_key.h"

#include <sodium.h>

namespace crashdump {

static_assert(std::tuple_size_v<PublicKey> == crypto_box_PUBLICKEYBYTES && Key::kBytes == crypto_box_SECRETKEYBYTES);
static_assert(std::tuple_size_v<SealedKey> == crypto_box_SEALBYTES + Key::kBytes);

PublicKey PublicKeyOf(const Key& private_key) {
  PublicKey public_key{};
  (void)crypto_scalarmult_base(public_key.data(), private_key.bytes().data());
  return public_key;
}

Result<SealedKey> SealKey(const PublicKey& public_key, const Key& key) {
  // libsodium takes its ephemeral pair from RandomBytesNoWait(), which is as good as this as soon as this returns.
  std::array<uint8_t, 1> waited{};
  TRY(RandomBytes(waited));
  SealedKey sealed{};
  if (crypto_box_seal(sealed.data(), key.bytes().data(), Key::kBytes, public_key.data()) != 0) {
    return Error::Format(ErrorCode::kInvalidArgument, "nothing can be sealed to this public key");
  }
  return sealed;
}

Result<Key> OpenSealedKey(const Key& private_key, const SealedKey& sealed) {
  const PublicKey public_key = PublicKeyOf(private_key);
  Key key;
  if (crypto_box_seal_open(key.mutable_bytes().data(), sealed.data(), sealed.size(), public_key.data(),
                           private_key.bytes().data()) != 0) {
    return Error::Format(ErrorCode::kCorrupt, "the sealed key does not open with this private key");
  }
  return key;
}

}  // namespace crashdump
