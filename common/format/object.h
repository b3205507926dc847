// SPDX-License-Identifier: GPL-2.0-or-later
// One object of a dump: header, ciphertext, tag. Sealing works in place in the caller's memory; opening believes
// nothing before the tag has been compared.
#pragma once

#include <memory>
#include <optional>

#include "common/base/byte_source.h"
#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/units.h"
#include "common/crypto/crypto.h"
#include "common/format/dump_credentials.h"
#include "common/format/dump_format.h"

namespace crashdump {

// Bytes of an object with `stored_length` bytes of ciphertext.
constexpr uint64_t ObjectBytes(uint64_t stored_length) { return sizeof(ObjectHeader) + stored_length + kTagBytes; }

// No zstd frame of `plain_length` bytes that this format accepts is longer (ZSTD_compressBound() never exceeds it).
constexpr uint64_t MaxStoredLength(uint64_t plain_length) { return plain_length + plain_length / 256 + 64; }

// The largest payload of a type, in bytes after decompression.
uint64_t MaxPlainLength(ObjectType type);

// No object is larger.
inline constexpr uint64_t kMaxObjectBytes = ObjectBytes(MaxStoredLength(kChunkMaxPlainBytes));

// "page chunk", "trailer": for messages. "unknown object" for a number that is no type.
const char* ObjectTypeName(ObjectType type);

// What the sealer of an object knows beside the credentials.
struct ObjectPlace {
  ObjectType type{};
  DumpId attempt_id{};
  uint64_t sequence = 0;
  uint64_t offset = 0;
};

// Makes an object of `object`, whose middle ([128, size - 32)) holds the payload as it is to be stored (a zstd frame,
// or the structure itself for header and trailer): writes the header before it, encrypts it in place, writes the tag
// behind it. Returns the tag. Allocates nothing. The same attempt id and sequence must never be used for two payloads.
Hash SealObject(const DumpCredentials& credentials, const ObjectPlace& place, uint64_t plain_length,
                MutableBytes object);

// An object whose tag was right. `payload` is the decrypted, decompressed payload, `frame` what it was decompressed
// from (empty for header and trailer). Both point into the ObjectReader, valid until its next call.
struct OpenedObject {
  ObjectType type{};
  DumpId attempt_id{};
  uint64_t sequence = 0;
  uint64_t offset = 0;
  uint64_t end = 0;  // offset + bytes of the object
  uint64_t stored_length = 0;
  uint64_t plain_length = 0;
  Hash tag{};
  Bytes payload;
  Bytes frame;
};

enum class PayloadUse { kDecode, kAuthenticateOnly };

// Opens objects of one dump, one at a time, in memory of its own. Not for several threads at once.
class ObjectReader {
 public:
  // `source` must outlive the reader; the credentials are copied. kUnsupported for a version that this program does not
  // know.
  static Result<ObjectReader> Create(const ByteSource& source, const DumpCredentials& credentials);

  ObjectReader(ObjectReader&&) noexcept;
  ObjectReader& operator=(ObjectReader&&) noexcept;
  ~ObjectReader();

  // Another reader of the same objects, with memory of its own, for another thread.
  Result<ObjectReader> Clone() const;

  // In place of the credentials' encryption key, from now on.
  void DecryptWith(Key key);

  // The attempt id that objects must carry from now on. Until then any is accepted.
  void ExpectAttempt(const DumpId& attempt_id);

  // Reads the object at `offset`, which must end at or before `limit`. In this order: the lengths are bounded, the
  // bytes are read once into private memory, the tag is compared in constant time, identifiers and place are checked,
  // the payload is decrypted and decompressed to exactly its stated length (not with kAuthenticateOnly: payload is
  // empty). Errors: kNotFound if nothing authentic is there (no object at all, or a wrong tag), kCorrupt if an
  // authentic object is there that does not belong there (other identifiers, other offset, undecodable), else what
  // reading gave.
  Result<OpenedObject> Read(uint64_t offset, uint64_t limit, PayloadUse use);

 private:
  struct State;
  explicit ObjectReader(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace crashdump
