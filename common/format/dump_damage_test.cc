// SPDX-License-Identifier: GPL-2.0-or-later
// Dumps that were damaged, put together from parts, or forged with the project's own writer: none is ever taken as
// complete, and what is handed out of them is right.
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "common/format/dump_reader.h"
#include "common/format/frame.h"
#include "common/testing/dump_builder.h"

namespace crashdump {
namespace {

class DumpDamage : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(InitializeCrypto().ok());
    plan_ = RegionPlan(200, 4 * kMiB);
    plan_.pages_per_chunk = 16;
    dump_ = BuildDump(plan_);
    objects_ = ListObjects(dump_);
    Walk();
    ASSERT_EQ(verdict_.state, DumpState::kComplete) << verdict_.reason;
    whole_pages_ = visitor_.page_count();
  }

  // Walks dump_ as it is now. Without a header there is no dump: torn, without pages.
  void Walk() {
    visitor_ = {};
    verdict_ = {};
    const MemorySource source(dump_);
    Result<DumpReader> reader = DumpReader::Open(source, plan_.parameters.layout, plan_.credentials);
    if (reader.ok()) {
      verdict_ = reader.value().Walk(visitor_).TakeValue();
    } else {
      verdict_.reason = reader.error().text();
      code_ = reader.error().code();
    }
  }
  void ExpectTorn(const char* reason) {
    Walk();
    EXPECT_EQ(verdict_.state, DumpState::kTorn);
    EXPECT_NE(verdict_.reason.find(reason), std::string::npos) << verdict_.reason;
    EXPECT_TRUE(visitor_.PagesAreRight(plan_));
    EXPECT_LE(visitor_.page_count(), whole_pages_);
  }

  std::vector<PlacedObject> OfType(ObjectType type) const {
    std::vector<PlacedObject> found;
    std::copy_if(objects_.begin(), objects_.end(), std::back_inserter(found),
                 [type](const PlacedObject& object) { return object.type == type; });
    return found;
  }
  PlacedObject Only(ObjectType type) const {
    const std::vector<PlacedObject> found = OfType(type);
    Require(found.size() == 1);
    return found[0];
  }
  std::vector<uint8_t> Copy(const std::vector<uint8_t>& dump, const PlacedObject& object) const {
    return {dump.begin() + static_cast<ptrdiff_t>(object.offset),
            dump.begin() + static_cast<ptrdiff_t>(object.offset + object.bytes)};
  }
  // The object's own bytes.
  MutableBytes Place(const PlacedObject& object) {
    return MutableBytes(dump_).subspan(static_cast<size_t>(object.offset), static_cast<size_t>(object.bytes));
  }
  void Put(const std::vector<uint8_t>& bytes, uint64_t offset) {
    std::copy(bytes.begin(), bytes.end(), dump_.begin() + static_cast<ptrdiff_t>(offset));
  }
  // Puts a new object in the place of `object`, sealed with the right keys and sequence number; it must not be longer.
  void Forge(const PlacedObject& object, Bytes plain) {
    FrameCompressor compressor = FrameCompressor::Create(19, kChunkMaxPlainBytes).TakeValue();
    std::vector<uint8_t> frame(static_cast<size_t>(MaxStoredLength(plain.size())));
    frame.resize(compressor.Compress(plain, frame).value().size());
    ASSERT_LE(ObjectBytes(frame.size()), object.bytes);
    const auto header = LoadObject<ObjectHeader>(Place(object));
    const ObjectPlace place{.type = object.type,
                            .attempt_id = plan_.parameters.attempt_id,
                            .sequence = header.sequence,
                            .offset = object.offset};
    const MutableBytes memory = Place(object).first(static_cast<size_t>(ObjectBytes(frame.size())));
    std::copy(frame.begin(), frame.end(), memory.begin() + sizeof(ObjectHeader));
    (void)SealObject(plan_.credentials, place, plain.size(), memory);
  }

  DumpPlan plan_;
  std::vector<uint8_t> dump_;
  std::vector<PlacedObject> objects_;
  uint64_t whole_pages_ = 0;
  CollectingVisitor visitor_;
  DumpVerdict verdict_;
  ErrorCode code_{};
};

// Every object, at its beginning, in its middle and in its last byte.
TEST_F(DumpDamage, FlippedBitInEachObject) {
  const std::vector<uint8_t> original = dump_;
  uint64_t pages = 0;
  for (const PlacedObject& object : objects_) {
    for (const uint64_t at : {uint64_t{0}, uint64_t{70}, object.bytes / 2, object.bytes - 1}) {
      dump_ = original;
      Place(object)[static_cast<size_t>(at)] ^= 0x10;
      ExpectTorn("");
      const bool in_messages = plan_.parameters.layout.messages.Contains(object.offset);
      if (object.type == ObjectType::kHeader) {
        EXPECT_EQ(code_, ErrorCode::kNotFound);
      } else if (object.type == ObjectType::kTrailer || in_messages) {
        EXPECT_EQ(visitor_.page_count(), whole_pages_);  // damaged messages do not cost the pages
      } else {
        EXPECT_LE(verdict_.stopped_at, object.offset);
        EXPECT_LT(object.offset - verdict_.stopped_at, kDiskUnit);
        EXPECT_GE(visitor_.page_count(), pages);  // objects are listed by place: each time more precedes the damage
        pages = visitor_.page_count();
      }
    }
  }
}

TEST_F(DumpDamage, DamagedMessagesAreNamed) {
  dump_[static_cast<size_t>(plan_.parameters.layout.messages.begin + 10)] ^= 1;
  ExpectTorn("messages damaged: no object at offset");
}

TEST_F(DumpDamage, ChunksSwapped) {
  plan_.pages_per_chunk = 1;
  dump_ = BuildDump(plan_);
  objects_ = ListObjects(dump_);
  const std::vector<PlacedObject> chunks = OfType(ObjectType::kChunk);
  // Two of the same length, so that all others stay whole.
  size_t first = 0;
  size_t second = 0;
  for (size_t i = 1; i < chunks.size() && second == 0; ++i) {
    for (size_t j = 0; j < i && second == 0; ++j) {
      if (chunks[j].bytes == chunks[i].bytes) std::tie(first, second) = std::pair(j, i);
    }
  }
  ASSERT_LT(first, second);
  const std::vector<uint8_t> a = Copy(dump_, chunks[first]);
  Put(Copy(dump_, chunks[second]), chunks[first].offset);
  Put(a, chunks[second].offset);
  ExpectTorn("moved there from another offset");
  EXPECT_EQ(verdict_.chunks, first);
}

// A chunk in the place of one that was written at the same offset by another attempt, or by an earlier arming.
TEST_F(DumpDamage, ChunkSplicedFromAnotherDump) {
  const std::vector<uint8_t> original = dump_;
  DumpPlan other = CopyPlan(plan_);
  other.parameters.attempt_id.fill(0x77);
  Put(Copy(BuildDump(other), OfType(ObjectType::kChunk)[3]), OfType(ObjectType::kChunk)[3].offset);
  ExpectTorn("of another attempt");
  EXPECT_EQ(verdict_.chunks, 3U);

  dump_ = original;
  other.credentials = TestCredentials(8);
  Put(Copy(BuildDump(other), OfType(ObjectType::kChunk)[3]), OfType(ObjectType::kChunk)[3].offset);
  ExpectTorn("no object at offset");
  EXPECT_EQ(verdict_.chunks, 3U);
}

// A chunk whose sequence number is one too high: something was left out before it.
TEST_F(DumpDamage, ObjectLeftOut) {
  const PlacedObject chunk = OfType(ObjectType::kChunk)[2];
  const auto header = LoadObject<ObjectHeader>(Place(chunk));
  ObjectPlace place{.type = ObjectType::kChunk,
                    .attempt_id = plan_.parameters.attempt_id,
                    .sequence = header.sequence,
                    .offset = chunk.offset};
  const MutableBytes memory = Place(chunk);
  (void)SealObject(plan_.credentials, place, header.plain_length, memory);  // decrypts what is encrypted
  place.sequence += 1;
  (void)SealObject(plan_.credentials, place, header.plain_length, memory);
  ExpectTorn("not in its turn");
  EXPECT_EQ(verdict_.chunks, 2U);
}

TEST_F(DumpDamage, TrailerOfAnotherDump) {
  const std::vector<uint8_t> original = dump_;
  const PlacedObject trailer = Only(ObjectType::kTrailer);
  // Of another attempt at the same place.
  DumpPlan other = CopyPlan(plan_);
  other.parameters.attempt_id.fill(0x77);
  Put(Copy(BuildDump(other), trailer), trailer.offset);
  ExpectTorn("trailer at offset");
  EXPECT_EQ(visitor_.page_count(), whole_pages_);
  // Of a dump with the same identifiers: only the hash over all tags tells that it is not this one's.
  dump_ = original;
  other = CopyPlan(plan_);
  other.messages.replace(20, 5, "SYSRQ");
  Put(Copy(BuildDump(other), trailer), trailer.offset);
  ExpectTorn("the trailer states another hash over all tags");
  // Of a longer one.
  dump_ = original;
  other = CopyPlan(plan_);
  other.pages.push_back({.kind = PageKind::kData, .first_pfn = 0x9000, .page_count = 20});
  Put(Copy(BuildDump(other), trailer), trailer.offset);
  ExpectTorn("no object at offset");
}

TEST_F(DumpDamage, TrailerThatContradictsTheDump) {
  const std::vector<uint8_t> original = dump_;
  const auto torn = [&](void (*change)(MutableBytes), const char* reason) {
    dump_ = original;
    ResealRaw(dump_, plan_.credentials, Only(ObjectType::kTrailer), change);
    ExpectTorn(reason);
  };
  torn([](MutableBytes payload) { payload[offsetof(TrailerPayload, chunk_count)] ^= 1; }, "another number of chunks");
  torn([](MutableBytes payload) { payload[offsetof(TrailerPayload, data_pages)] ^= 1; }, "another number of pages");
  torn([](MutableBytes payload) { payload[offsetof(TrailerPayload, summary_offset)] ^= 1; }, "another summary");
  torn([](MutableBytes payload) { payload[offsetof(TrailerPayload, last_index_offset)] ^= 64; }, "another index");
  torn([](MutableBytes payload) { payload[offsetof(TrailerPayload, data_end)] ^= 1; }, "no object at offset");
  torn([](MutableBytes payload) { payload[offsetof(TrailerPayload, messages_end)] ^= 1; }, "messages damaged");
  torn([](MutableBytes payload) { payload[offsetof(TrailerPayload, object_count)] ^= 1; }, "not in its turn");
  torn([](MutableBytes payload) { payload[offsetof(TrailerPayload, result)] = 9; }, "not a trailer inside");
  torn([](MutableBytes payload) { payload[offsetof(TrailerPayload, reserved_2)] = 1; }, "not a trailer inside");
  torn([](MutableBytes payload) { payload[offsetof(TrailerPayload, data_end) + 7] = 0x10; },
       "outside the dump's places");
}

TEST_F(DumpDamage, HeaderThatContradictsItsPlace) {
  const std::vector<uint8_t> original = dump_;
  const auto corrupt = [&](void (*change)(MutableBytes)) {
    dump_ = original;
    ResealRaw(dump_, plan_.credentials, Only(ObjectType::kHeader), change);
    code_ = {};
    Walk();
    return code_ == ErrorCode::kCorrupt && visitor_.page_count() == 0;
  };
  EXPECT_TRUE(corrupt([](MutableBytes payload) { payload[offsetof(HeaderPayload, data_end) + 1] ^= 0x10; }));
  EXPECT_TRUE(corrupt([](MutableBytes payload) { payload[offsetof(HeaderPayload, data_begin)] ^= 1; }));
  EXPECT_TRUE(corrupt([](MutableBytes payload) { payload[offsetof(HeaderPayload, attempt)] = 0; }));
  EXPECT_TRUE(corrupt([](MutableBytes payload) { payload[offsetof(HeaderPayload, page_bytes)] = 1; }));
  EXPECT_TRUE(corrupt([](MutableBytes payload) { payload[offsetof(HeaderPayload, reserved)] = 1; }));
  EXPECT_TRUE(corrupt([](MutableBytes payload) { payload[0] = 'X'; }));
}

TEST_F(DumpDamage, OtherKeysSeeNoDump) {
  const DumpLayout& layout = plan_.parameters.layout;
  const MemorySource source(dump_);
  DumpCredentials other = TestCredentials(8);
  other.key_id = plan_.credentials.key_id;
  EXPECT_EQ(DumpReader::Open(source, layout, other).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(DumpReader::FindEnd(source, layout, other, std::chrono::seconds(5)).value(), std::nullopt);
  // The same authentication key, another region: authentic, but not what was asked for. Never free.
  other = plan_.credentials.Copy();
  other.region_id.fill(1);
  EXPECT_EQ(DumpReader::Open(source, layout, other).error().code(), ErrorCode::kCorrupt);
  EXPECT_FALSE(DumpReader::FindEnd(source, layout, other, std::chrono::seconds(5)).ok());
  // Attempt 2's places hold nothing.
  const DumpLayout second = RegionSlotLayout(layout.header, layout.data, 2);
  EXPECT_EQ(DumpReader::Open(source, second, plan_.credentials).error().code(), ErrorCode::kNotFound);
}

// Someone who cannot know the keys writes a dump of kind none with all the right identifiers.
TEST_F(DumpDamage, DumpWithoutKeysIsNotTakenFromADisk) {
  DumpPlan forged = CopyPlan(plan_);
  forged.credentials.kind = KeyKind::kNone;
  dump_ = BuildDump(forged);
  code_ = {};
  Walk();
  EXPECT_EQ(code_, ErrorCode::kNotFound);
  // Nor parts of it.
  const std::vector<uint8_t> parts = dump_;
  dump_ = BuildDump(plan_);
  Put(Copy(parts, OfType(ObjectType::kChunk)[1]), OfType(ObjectType::kChunk)[1].offset);
  ExpectTorn("no object at offset");
  EXPECT_EQ(verdict_.chunks, 1U);
}

// The header of attempt 1 moved into the place of attempt 2.
TEST_F(DumpDamage, HeaderOfTheOtherAttempt) {
  const PlacedObject header = Only(ObjectType::kHeader);
  Put(Copy(dump_, header), header.offset + kDiskUnit);
  plan_.parameters.layout = RegionSlotLayout(header.offset, plan_.parameters.layout.data, 2);
  Walk();
  EXPECT_EQ(code_, ErrorCode::kCorrupt);
  EXPECT_EQ(visitor_.page_count(), 0U);
}

// A page that comes twice, from a writer with the right keys.
TEST_F(DumpDamage, PageThatComesTwice) {
  const std::vector<PlacedObject> chunks = OfType(ObjectType::kChunk);
  std::vector<uint8_t> buffer(ChunkBuilder::kBufferBytes);
  ChunkBuilder builder(buffer, 4096);
  ASSERT_EQ(builder.AddZero(plan_.pages[0].first_pfn, 1), ChunkBuilder::Added::kYes);
  Forge(chunks[2], builder.Finish());
  ExpectTorn("page frame 0x100 comes twice");
  EXPECT_EQ(verdict_.chunks, 2U);
  EXPECT_EQ(verdict_.stopped_at, chunks[2].offset);
  // And within one chunk.
  builder.Clear();
  ASSERT_EQ(builder.AddZero(0x100000, 5), ChunkBuilder::Added::kYes);
  ASSERT_EQ(builder.AddZero(0x100004, 1), ChunkBuilder::Added::kYes);
  Forge(chunks[0], builder.Finish());
  ExpectTorn("page frame 0x100004 comes twice");
  EXPECT_EQ(visitor_.page_count(), 0U);
}

TEST_F(DumpDamage, ForgedPayloadsAreRefused) {
  const std::vector<uint8_t> original = dump_;
  const PlacedObject chunk = OfType(ObjectType::kChunk)[1];
  Forge(chunk, BytesOf(std::string_view("not a chunk")));
  ExpectTorn("page chunk: impossible table");
  dump_ = original;
  Forge(Only(ObjectType::kIndex), BytesOf(std::string_view("not an index, but long enough")));
  ExpectTorn("index segment at offset");
  EXPECT_EQ(visitor_.page_count(), whole_pages_);
}

// An index that is well-formed and names other chunks than those that were written.
TEST_F(DumpDamage, IndexThatLies) {
  const PlacedObject index = Only(ObjectType::kIndex);
  const std::vector<PlacedObject> chunks = OfType(ObjectType::kChunk);
  std::vector<uint8_t> payload(sizeof(IndexPrefix) + sizeof(IndexEntry));
  const IndexPrefix prefix{.previous_offset = 0, .entry_count = 1, .reserved = 0};
  const IndexEntry entry{
      .offset = chunks[0].offset, .first_pfn = 0x100, .end_pfn = 0x101, .data_pages = 1, .stored_length = 1};
  memcpy(payload.data(), &prefix, sizeof(prefix));
  memcpy(payload.data() + sizeof(prefix), &entry, sizeof(entry));
  Forge(index, payload);
  ExpectTorn("not what was written before it");
}

}  // namespace
}  // namespace crashdump
