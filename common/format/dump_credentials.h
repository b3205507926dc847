// SPDX-License-Identifier: GPL-2.0-or-later
// DumpCredentials: what a reader must be told from outside and never believes from a dump's own bytes: version,
// algorithms, identifiers and keys.
#pragma once

#include "common/crypto/crypto.h"
#include "common/crypto/sealed_key.h"
#include "common/format/dump_format.h"

namespace crashdump {

// How the objects of a dump are protected (the design's "key slot kind").
enum class KeyKind : uint8_t {
  kNone = 0,       // not encrypted, tags without a key: dumps in files only, protected by file permissions
  kPlainFile = 1,  // both keys in a root-only record
  kSealed = 2,     // the encryption key is in the dump's header, sealed to a public key whose private half is recorded
};

struct DumpCredentials {
  uint16_t version = kDumpVersion;
  KeyKind kind = KeyKind::kNone;
  DumpId region_id{};  // zero for kNone
  DumpId key_id{};     // zero for kNone
  Key authentication_key;
  Key encryption_key;      // readers of kSealed find it in the header
  Key private_key;         // kSealed: what readers open it with; writers do not have it
  SealedKey sealed_key{};  // kSealed: what writers put into the header

  bool is_encrypted() const { return kind != KeyKind::kNone; }
  DumpCredentials Copy() const {
    return {version,   kind, region_id, key_id, authentication_key.Copy(), encryption_key.Copy(), private_key.Copy(),
            sealed_key};
  }
};

}  // namespace crashdump
