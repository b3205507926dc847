// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/object.h"

#include <algorithm>
#include <cinttypes>

#include "common/format/frame.h"

namespace crashdump {
namespace {

// Header and trailer have a block each and must be readable without a decompressor.
bool IsRaw(ObjectType type) { return type == ObjectType::kHeader || type == ObjectType::kTrailer; }

Hash Tag(const DumpCredentials& credentials, Bytes covered) {
  return credentials.is_encrypted() ? Hash256(credentials.authentication_key, covered) : Hash256(covered);
}

// The sealed key is in the header, for who does not have the key yet.
bool IsEncrypted(const DumpCredentials& credentials, ObjectType type) {
  return credentials.is_encrypted() && (credentials.kind != KeyKind::kSealed || type != ObjectType::kHeader);
}

// Encrypts and decrypts.
void Cipher(const DumpCredentials& credentials, ObjectType type, const DumpId& attempt_id, uint64_t sequence,
            MutableBytes payload) {
  if (!IsEncrypted(credentials, type)) return;
  std::array<uint8_t, kStreamNonceBytes> nonce{};
  const le64 number = sequence;
  static_assert(sizeof(DumpId) + sizeof(number) == kStreamNonceBytes);
  std::copy(attempt_id.begin(), attempt_id.end(), nonce.begin());
  memcpy(nonce.data() + sizeof(DumpId), &number, sizeof(number));
  XorStream(credentials.encryption_key, nonce, payload);
}

void CopyId(uint8_t (&out)[16], const DumpId& id) { std::copy(id.begin(), id.end(), out); }

DumpId ToId(const uint8_t (&bytes)[16]) {
  DumpId id{};
  std::copy(std::begin(bytes), std::end(bytes), id.begin());
  return id;
}

}  // namespace

uint64_t MaxPlainLength(ObjectType type) {
  switch (type) {
    case ObjectType::kHeader:
      return sizeof(HeaderPayload) + sizeof(SealedKey);
    case ObjectType::kTrailer:
      return sizeof(TrailerPayload);
    case ObjectType::kChunk:
      return kChunkMaxPlainBytes;
    case ObjectType::kIndex:
      return kIndexMaxPlainBytes;
    case ObjectType::kMachineFacts:
    case ObjectType::kVmcoreinfo:
    case ObjectType::kElfNotes:
    case ObjectType::kMessages:
    case ObjectType::kSummary:
      return kSectionPieceBytes;
  }
  return 0;
}

const char* ObjectTypeName(ObjectType type) {
  switch (type) {
    case ObjectType::kHeader:
      return "header";
    case ObjectType::kMachineFacts:
      return "machine facts";
    case ObjectType::kVmcoreinfo:
      return "vmcoreinfo";
    case ObjectType::kElfNotes:
      return "ELF notes";
    case ObjectType::kMessages:
      return "messages";
    case ObjectType::kChunk:
      return "page chunk";
    case ObjectType::kIndex:
      return "index segment";
    case ObjectType::kSummary:
      return "summary";
    case ObjectType::kTrailer:
      return "trailer";
  }
  return "unknown object";
}

Hash SealObject(const DumpCredentials& credentials, const ObjectPlace& place, uint64_t plain_length,
                MutableBytes object) {
  Require(object.size() >= ObjectBytes(0));
  const MutableBytes payload = object.subspan(sizeof(ObjectHeader), object.size() - ObjectBytes(0));
  ObjectHeader header{};
  std::copy(kObjectMagic.begin(), kObjectMagic.end(), header.magic);
  header.version = credentials.version;
  header.type = static_cast<uint16_t>(place.type);
  CopyId(header.region_id, credentials.region_id);
  CopyId(header.key_id, credentials.key_id);
  CopyId(header.attempt_id, place.attempt_id);
  header.sequence = place.sequence;
  header.offset = place.offset;
  header.stored_length = payload.size();
  header.plain_length = plain_length;
  memcpy(object.data(), &header, sizeof(header));
  Cipher(credentials, place.type, place.attempt_id, place.sequence, payload);
  const Hash tag = Tag(credentials, object.first(object.size() - kTagBytes));
  memcpy(object.last(kTagBytes).data(), tag.data(), kTagBytes);
  return tag;
}

namespace {

// Memory that grows: whoever only looks whether there is a dump needs a block, whoever reads pages most of a MiB.
class Buffer {
 public:
  // The first `bytes` of it, of which nothing is known.
  Result<MutableBytes> Take(uint64_t bytes) {
    if (bytes > capacity_) {
      const uint64_t wanted = std::max(bytes, 2 * capacity_);
      memory_ = TRY(AllocateAligned(wanted));
      capacity_ = wanted;
    }
    return MutableBytes(memory_.get(), static_cast<size_t>(bytes));
  }

 private:
  AlignedMemory memory_;
  uint64_t capacity_ = 0;
};

}  // namespace

struct ObjectReader::State {
  State(const ByteSource& object_source, DumpCredentials object_credentials, FrameDecoder frame_decoder)
      : source(object_source), credentials(std::move(object_credentials)), decoder(std::move(frame_decoder)) {}

  const ByteSource& source;
  DumpCredentials credentials;
  std::optional<DumpId> attempt_id;
  Buffer stored;  // the object as read
  Buffer plain;   // its payload decompressed
  FrameDecoder decoder;
};

ObjectReader::ObjectReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ObjectReader::ObjectReader(ObjectReader&&) noexcept = default;
ObjectReader& ObjectReader::operator=(ObjectReader&&) noexcept = default;
ObjectReader::~ObjectReader() = default;

Result<ObjectReader> ObjectReader::Create(const ByteSource& source, const DumpCredentials& credentials) {
  if (credentials.version != kDumpVersion) {
    return Error::Format(ErrorCode::kUnsupported, "dump format version %u; this program reads version %u",
                         unsigned{credentials.version}, unsigned{kDumpVersion});
  }
  FrameDecoder decoder = TRY(FrameDecoder::Create());
  return ObjectReader(std::make_unique<State>(source, credentials.Copy(), std::move(decoder)));
}

Result<ObjectReader> ObjectReader::Clone() const {
  ObjectReader clone = TRY(Create(state_->source, state_->credentials));
  clone.state_->attempt_id = state_->attempt_id;
  return clone;
}

void ObjectReader::DecryptWith(Key key) { state_->credentials.encryption_key = std::move(key); }

void ObjectReader::ExpectAttempt(const DumpId& attempt_id) { state_->attempt_id = attempt_id; }

Result<OpenedObject> ObjectReader::Read(uint64_t offset, uint64_t limit, PayloadUse use) {
  State& state = *state_;
  // Nothing authentic, as far as the bytes tell: the usual end of a walk.
  const auto nothing = [offset](const char* fact) {
    return Error::Format(ErrorCode::kNotFound, "no object at offset %" PRIu64 ": %s", offset, fact);
  };
  limit = std::min(limit, state.source.size());
  if (offset > limit || limit - offset < ObjectBytes(0)) return nothing("no room for one");

  // The header is read once; the lengths are used only after they are bounded, the rest only after the tag.
  ObjectHeader header{};
  TRY(state.source.ReadAt(offset, {reinterpret_cast<uint8_t*>(&header), sizeof(header)}));
  if (!Equal(header.magic, kObjectMagic)) return nothing("no magic number");
  if (header.version != state.credentials.version) return nothing("other version");
  const auto type = static_cast<ObjectType>(uint16_t{header.type});
  const uint64_t plain_length = header.plain_length;
  const uint64_t stored_length = header.stored_length;
  if (plain_length > MaxPlainLength(type) || stored_length > MaxStoredLength(plain_length)) {
    return nothing("impossible lengths");
  }
  if (ObjectBytes(stored_length) > limit - offset) return nothing("it would end behind its range");
  const MutableBytes object = TRY(state.stored.Take(ObjectBytes(stored_length)));
  memcpy(object.data(), &header, sizeof(header));
  TRY(state.source.ReadAt(offset + sizeof(ObjectHeader), object.subspan(sizeof(ObjectHeader))));

  OpenedObject opened{.type = type,
                      .attempt_id = ToId(header.attempt_id),
                      .sequence = header.sequence,
                      .offset = offset,
                      .end = offset + object.size(),
                      .stored_length = stored_length,
                      .plain_length = plain_length};
  opened.tag = Tag(state.credentials, object.first(object.size() - kTagBytes));
  if (!ConstantTimeEqual(opened.tag, object.last(kTagBytes))) return nothing("its tag is wrong");

  const auto misplaced = [&](const char* fact) {
    return Error::Format(ErrorCode::kCorrupt, "%s at offset %" PRIu64 ": %s", ObjectTypeName(type), offset, fact);
  };
  if (ToId(header.region_id) != state.credentials.region_id) return misplaced("of another region");
  if (ToId(header.key_id) != state.credentials.key_id) return misplaced("of another key");
  if (state.attempt_id && opened.attempt_id != *state.attempt_id) return misplaced("of another attempt");
  if (header.offset != offset) return misplaced("moved there from another offset");
  if (header.reserved_1 != 0 || !AllZero(header.reserved_2)) return misplaced("reserved bytes are not zero");
  if (IsRaw(type) && stored_length != plain_length) return misplaced("the lengths differ");
  if (use == PayloadUse::kAuthenticateOnly) return opened;

  const MutableBytes payload = object.subspan(sizeof(ObjectHeader), static_cast<size_t>(stored_length));
  Cipher(state.credentials, type, opened.attempt_id, opened.sequence, payload);
  if (IsRaw(type)) {
    opened.payload = payload;
    return opened;
  }
  const MutableBytes plain = TRY(state.plain.Take(plain_length));
  TRY(state.decoder.Decode(payload, plain), "%s at offset %" PRIu64, ObjectTypeName(type), offset);
  opened.payload = plain;
  opened.frame = payload;
  return opened;
}

}  // namespace crashdump
