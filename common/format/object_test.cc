// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/object.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "common/format/frame.h"
#include "common/testing/dump_builder.h"

namespace crashdump {
namespace {

constexpr uint64_t kOffset = 8192;
constexpr std::string_view kText = "sysrq: Trigger a crash, sysrq: Trigger a crash, sysrq: Trigger a crash";

// One object of messages at kOffset in a little region.
class Object : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(InitializeCrypto().ok());
    place_.attempt_id.fill(0xA1);
  }

  // With the payload as it is stored.
  void Seal(const DumpCredentials& credentials, Bytes stored, uint64_t plain_length) {
    end_ = kOffset + static_cast<size_t>(ObjectBytes(stored.size()));
    disk_.assign(end_ + 100, 0);
    std::copy(stored.begin(), stored.end(), disk_.begin() + kOffset + sizeof(ObjectHeader));
    tag_ = SealObject(credentials, place_, plain_length, MutableBytes(disk_).subspan(kOffset, end_ - kOffset));
  }
  void SealText(const DumpCredentials& credentials) {
    FrameCompressor compressor = FrameCompressor::Create(1, 1000).TakeValue();
    std::vector<uint8_t> frame(MaxStoredLength(kText.size()));
    Seal(credentials, compressor.Compress(BytesOf(kText), frame).TakeValue(), kText.size());
  }
  // Reads in a new reader. The code of the error, or nothing.
  std::optional<ErrorCode> Open(const DumpCredentials& credentials, uint64_t offset = kOffset) {
    const MemorySource source(disk_);
    ObjectReader reader = ObjectReader::Create(source, credentials).TakeValue();
    reader.ExpectAttempt(expected_attempt_);
    const Result<OpenedObject> object = reader.Read(offset, disk_.size(), PayloadUse::kDecode);
    error_ = object.ok() ? "" : object.error().text();
    if (!object.ok()) return object.error().code();
    return std::nullopt;
  }
  void ChangeHeader(void (*change)(ObjectHeader&)) {
    auto header = LoadObject<ObjectHeader>(Bytes(disk_).subspan(kOffset));
    change(header);
    memcpy(disk_.data() + kOffset, &header, sizeof(header));
  }

  ObjectPlace place_{.type = ObjectType::kMessages, .sequence = 5, .offset = kOffset};
  DumpId expected_attempt_ = [] {
    DumpId id;
    id.fill(0xA1);
    return id;
  }();
  std::vector<uint8_t> disk_;
  Hash tag_{};
  size_t end_ = 0;
  std::string error_;
};

TEST_F(Object, OpensAsSealed) {
  for (const bool with_keys : {false, true}) {
    const DumpCredentials credentials = with_keys ? TestCredentials(3) : DumpCredentials{};
    SealText(credentials);
    const MemorySource source(disk_);
    ObjectReader reader = ObjectReader::Create(source, credentials).TakeValue();
    for (int i = 0; i < 2; ++i) {
      const Result<OpenedObject> object = reader.Read(kOffset, end_, PayloadUse::kDecode);
      ASSERT_TRUE(object.ok()) << object.error().text();
      EXPECT_EQ(object.value().type, ObjectType::kMessages);
      EXPECT_EQ(object.value().sequence, 5U);
      EXPECT_EQ(object.value().offset, kOffset);
      EXPECT_EQ(object.value().end, end_);
      EXPECT_EQ(object.value().attempt_id, place_.attempt_id);
      EXPECT_EQ(object.value().tag, tag_);
      EXPECT_EQ(TextOf(object.value().payload), kText);
    }
    const Result<OpenedObject> unread = reader.Read(kOffset, end_, PayloadUse::kAuthenticateOnly);
    ASSERT_TRUE(unread.ok());
    EXPECT_TRUE(unread.value().payload.empty());
  }
}

TEST_F(Object, IsEncryptedOnlyWithKeys) {
  const std::string frame_magic = "\x28\xb5\x2f\xfd";
  const auto holds_frame = [&] {
    return std::search(disk_.begin(), disk_.end(), frame_magic.begin(), frame_magic.end(),
                       [](uint8_t a, char b) { return a == static_cast<uint8_t>(b); }) != disk_.end();
  };
  SealText(DumpCredentials{});
  EXPECT_TRUE(holds_frame());
  SealText(TestCredentials(3));
  EXPECT_FALSE(holds_frame());
}

// The stream depends on the sequence number and the attempt: equal payloads give unrelated ciphertexts.
TEST_F(Object, NoncesDiffer) {
  std::vector<std::vector<uint8_t>> ciphertexts;
  std::vector<uint64_t> sequences;
  for (uint64_t sequence = 0; sequence < 16; ++sequence) sequences.push_back(sequence);
  for (unsigned bit = 4; bit < 64; ++bit) sequences.push_back(uint64_t{1} << bit);
  for (const uint64_t sequence : sequences) {
    for (const uint8_t attempt : {uint8_t{0xA1}, uint8_t{0xA2}}) {
      place_.sequence = sequence;
      place_.attempt_id.fill(attempt);
      SealText(TestCredentials(3));
      ciphertexts.emplace_back(disk_.begin() + kOffset + sizeof(ObjectHeader),
                               disk_.begin() + static_cast<ptrdiff_t>(end_ - kTagBytes));
    }
  }
  std::sort(ciphertexts.begin(), ciphertexts.end());
  EXPECT_EQ(std::unique(ciphertexts.begin(), ciphertexts.end()), ciphertexts.end());
}

// Every single bit counts.
TEST_F(Object, EveryFlippedBitIsNoticed) {
  const DumpCredentials credentials = TestCredentials(3);
  SealText(credentials);
  const MemorySource source(disk_);
  ObjectReader reader = ObjectReader::Create(source, credentials).TakeValue();
  for (size_t bit = 0; bit < (end_ - kOffset) * 8; ++bit) {
    disk_[kOffset + bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
    const Result<OpenedObject> object = reader.Read(kOffset, disk_.size(), PayloadUse::kDecode);
    ASSERT_FALSE(object.ok()) << "bit " << bit;
    ASSERT_EQ(object.error().code(), ErrorCode::kNotFound) << "bit " << bit;
    disk_[kOffset + bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
  }
  EXPECT_TRUE(reader.Read(kOffset, disk_.size(), PayloadUse::kDecode).ok());
}

TEST_F(Object, OtherKeysOpenNothing) {
  SealText(TestCredentials(3));
  DumpCredentials other = TestCredentials(3);
  other.authentication_key = TestCredentials(4).authentication_key.Copy();
  EXPECT_EQ(Open(other), ErrorCode::kNotFound);
  EXPECT_EQ(error_, "no object at offset 8192: its tag is wrong");
  DumpCredentials none = TestCredentials(3);
  none.kind = KeyKind::kNone;
  EXPECT_EQ(Open(none), ErrorCode::kNotFound);
}

// An object without keys does not pass where keys are expected, whatever identifiers it claims.
TEST_F(Object, KindIsNotTakenFromTheDisk) {
  DumpCredentials none = TestCredentials(3);
  none.kind = KeyKind::kNone;
  SealText(none);
  EXPECT_EQ(Open(none), std::nullopt);
  EXPECT_EQ(Open(TestCredentials(3)), ErrorCode::kNotFound);
}

TEST_F(Object, AuthenticButElsewhere) {
  const DumpCredentials credentials = TestCredentials(3);
  SealText(credentials);
  const std::vector<uint8_t> original = disk_;

  disk_.insert(disk_.begin(), 64, 0);
  EXPECT_EQ(Open(credentials, kOffset + 64), ErrorCode::kCorrupt);
  EXPECT_EQ(error_, "messages at offset 8256: moved there from another offset");

  disk_ = original;
  expected_attempt_.fill(0xA2);
  EXPECT_EQ(Open(credentials), ErrorCode::kCorrupt);
  EXPECT_EQ(error_, "messages at offset 8192: of another attempt");
  expected_attempt_.fill(0xA1);

  DumpCredentials other = credentials.Copy();
  other.region_id.fill(1);
  EXPECT_EQ(Open(other), ErrorCode::kCorrupt);
  other = credentials.Copy();
  other.key_id.fill(1);
  EXPECT_EQ(Open(other), ErrorCode::kCorrupt);
}

// Lengths are bounded before anything of that length is read: no tag is needed to see it.
TEST_F(Object, ImpossibleLengthsAreNotRead) {
  const DumpCredentials credentials = TestCredentials(3);
  SealText(credentials);
  const std::vector<uint8_t> original = disk_;
  const auto refused = [&](void (*change)(ObjectHeader&), const char* reason) {
    disk_ = original;
    ChangeHeader(change);
    EXPECT_EQ(Open(credentials), ErrorCode::kNotFound);
    EXPECT_NE(error_.find(reason), std::string::npos) << error_;
  };
  refused([](ObjectHeader& header) { header.stored_length = ~uint64_t{0}; }, "impossible lengths");
  refused([](ObjectHeader& header) { header.plain_length = ~uint64_t{0}; }, "impossible lengths");
  refused([](ObjectHeader& header) { header.plain_length = kSectionPieceBytes + 1; }, "impossible lengths");
  refused([](ObjectHeader& header) { header.type = uint16_t{77}; }, "impossible lengths");
  refused([](ObjectHeader& header) { header.version = uint16_t{2}; }, "other version");
  refused(
      [](ObjectHeader& header) {
        header.plain_length = kSectionPieceBytes;
        header.stored_length = kSectionPieceBytes;
      },
      "it would end behind its range");
}

TEST_F(Object, EndsAtItsLimit) {
  const DumpCredentials credentials = TestCredentials(3);
  SealText(credentials);
  const MemorySource source(disk_);
  ObjectReader reader = ObjectReader::Create(source, credentials).TakeValue();
  EXPECT_TRUE(reader.Read(kOffset, end_, PayloadUse::kDecode).ok());
  EXPECT_FALSE(reader.Read(kOffset, end_ - 1, PayloadUse::kDecode).ok());
  EXPECT_FALSE(reader.Read(kOffset, kOffset, PayloadUse::kDecode).ok());
  EXPECT_FALSE(reader.Read(~uint64_t{0} - 10, ~uint64_t{0}, PayloadUse::kDecode).ok());
}

// Authentic objects of a wrong writer: the payload is bounded all the same.
TEST_F(Object, PayloadMustBeWhatTheHeaderStates) {
  const DumpCredentials credentials = TestCredentials(3);
  FrameCompressor compressor = FrameCompressor::Create(1, 100'000).TakeValue();
  std::vector<uint8_t> out(MaxStoredLength(100'000));
  const std::vector<uint8_t> zeros(100'000);
  const Bytes bomb = compressor.Compress(zeros, out).TakeValue();
  Seal(credentials, bomb, 100);
  EXPECT_EQ(Open(credentials), ErrorCode::kCorrupt);
  EXPECT_EQ(error_, "messages at offset 8192: zstd frame of 100000 bytes where 100 are stated");
  Seal(credentials, BytesOf(kText), kText.size());
  EXPECT_EQ(Open(credentials), ErrorCode::kCorrupt);
  place_.type = ObjectType::kHeader;
  Seal(credentials, BytesOf(kText).first(60), 61);
  EXPECT_EQ(Open(credentials), ErrorCode::kCorrupt);
}

TEST_F(Object, ReservedBytesMustBeZero) {
  const DumpCredentials credentials = TestCredentials(3);
  SealText(credentials);
  ChangeHeader([](ObjectHeader& header) { header.reserved_2[31] = 1; });
  const MutableBytes object = MutableBytes(disk_).subspan(kOffset, end_ - kOffset);
  const Hash tag = Hash256(credentials.authentication_key, object.first(object.size() - kTagBytes));
  memcpy(object.last(kTagBytes).data(), tag.data(), tag.size());
  EXPECT_EQ(Open(credentials), ErrorCode::kCorrupt);
  EXPECT_EQ(error_, "messages at offset 8192: reserved bytes are not zero");
}

TEST_F(Object, ReaderRefusesWhatItDoesNotKnow) {
  const MemorySource source(disk_);
  DumpCredentials credentials = TestCredentials(3);
  credentials.version = 2;
  const Result<ObjectReader> reader = ObjectReader::Create(source, credentials);
  ASSERT_FALSE(reader.ok());
  EXPECT_STREQ(reader.error().text(), "dump format version 2; this program reads version 1");
}

}  // namespace
}  // namespace crashdump
