// SPDX-License-Identifier: GPL-2.0-or-later
// The structures of a dump as they stand on the disk. No code. docs/dump-format.md is the authority: each structure
// here names its section there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "common/base/endian.h"
#include "common/base/slot_layout.h"
#include "common/base/units.h"

namespace crashdump {

// A random identifier of a region, a key pair or an attempt.
using DumpId = std::array<uint8_t, 16>;

inline constexpr uint16_t kDumpVersion = 1;

// Every object begins at a multiple of this, every write at a multiple of kDiskUnit.
inline constexpr uint64_t kObjectAlignment = 64;
inline constexpr uint64_t kTagBytes = 32;

// "Limits". Every length is bounded by the object's type before anything is read.
inline constexpr uint64_t kChunkDataBytes = 256 * kKiB;
inline constexpr uint32_t kChunkMaxRuns = 4096;
inline constexpr uint64_t kSectionPieceBytes = 64 * kKiB;
inline constexpr uint64_t kSectionMaxBytes = 64 * kMiB;
inline constexpr uint64_t kSummaryMaxBytes = kSectionPieceBytes;
inline constexpr uint32_t kIndexMaxEntries = 1024;
inline constexpr uint32_t kMinPageBytes = 4096;
inline constexpr uint32_t kMaxPageBytes = 65536;
// No page frame number reaches this: physical addresses have 64 bits, pages at least 4096 bytes.
inline constexpr uint64_t kPfnLimit = uint64_t{1} << 52;
// The end of a data range that is bounded only by what the file system allows (dumps in files).
inline constexpr uint64_t kUnboundedEnd = uint64_t{1} << 63;

// "Object types"
enum class ObjectType : uint16_t {
  kHeader = 1,
  kMachineFacts = 2,  // text, key=value
  kVmcoreinfo = 3,    // text, as the kernel made it
  kElfNotes = 4,      // contents of the vmcore's PT_NOTE
  kMessages = 5,      // text, the kernel's log
  kChunk = 6,
  kIndex = 7,
  kSummary = 8,  // text, key=value
  kTrailer = 9,
};

// "Page runs"
enum class PageKind : uint32_t {
  kData = 1,        // the page's bytes are in the chunk
  kZero = 2,        // every byte is zero
  kUnreadable = 3,  // belongs into the dump, but reading it failed
};

// "Trailer": why the dump ends where it ends.
enum class DumpResult : uint32_t {
  kComplete = 1,      // every page that was wanted is there
  kNoSpace = 2,       // the data range was full
  kReadErrors = 3,    // the end was reached, but some pages were unreadable
  kMessagesOnly = 4,  // no pages were tried
  kStopped = 5,       // a deadline, a user or an error in capture ended it early
  kWriteError = 6,    // the target failed; what had been handed to it may be missing
};

// "Object header": 128 bytes in front of every object, in the clear, covered by the tag.
struct ObjectHeader {
  uint8_t magic[8];        // kObjectMagic
  le16 version;            // kDumpVersion
  le16 type;               // ObjectType
  le32 reserved_1;         // zero
  uint8_t region_id[16];   // of the region; zero in files
  uint8_t key_id[16];      // of the key pair; zero for slot kind none
  uint8_t attempt_id[16];  // the same in all objects of a dump
  le64 sequence;           // 0 in the header, then counts up by one in the order of writing
  le64 offset;             // of this structure, bytes from the beginning of the region or file
  le64 stored_length;      // bytes between this structure and the tag
  le64 plain_length;       // bytes of payload after decompression
  uint8_t reserved_2[32];  // zero
};
inline constexpr std::array<uint8_t, 8> kObjectMagic{'C', 'R', 'A', 'S', 'H', 'O', 'B', 'J'};
static_assert(sizeof(ObjectHeader) == 128 && alignof(ObjectHeader) == 1);
static_assert(offsetof(ObjectHeader, version) == 8 && offsetof(ObjectHeader, type) == 10);
static_assert(offsetof(ObjectHeader, reserved_1) == 12 && offsetof(ObjectHeader, region_id) == 16);
static_assert(offsetof(ObjectHeader, key_id) == 32 && offsetof(ObjectHeader, attempt_id) == 48);
static_assert(offsetof(ObjectHeader, sequence) == 64 && offsetof(ObjectHeader, offset) == 72);
static_assert(offsetof(ObjectHeader, stored_length) == 80 && offsetof(ObjectHeader, plain_length) == 88);
static_assert(offsetof(ObjectHeader, reserved_2) == 96);
static_assert(std::is_trivially_copyable_v<ObjectHeader> && std::is_standard_layout_v<ObjectHeader>);

// "Header payload"
struct HeaderPayload {
  uint8_t magic[8];    // kHeaderMagic
  le32 attempt;        // 1 or 2; 1 in files
  le32 page_bytes;     // power of two, kMinPageBytes to kMaxPageBytes
  le64 crash_time;     // seconds since 1970-01-01 UTC of the crash; 0 if unknown
  le64 header_offset;  // the places of the dump, as in DumpLayout
  le64 trailer_offset;
  le64 messages_begin;
  le64 messages_end;
  le64 data_begin;
  le64 data_end;         // kUnboundedEnd in files
  uint8_t reserved[56];  // zero
};
inline constexpr std::array<uint8_t, 8> kHeaderMagic{'C', 'R', 'A', 'S', 'H', 'D', 'M', 'P'};
static_assert(sizeof(HeaderPayload) == 128 && alignof(HeaderPayload) == 1);
static_assert(offsetof(HeaderPayload, attempt) == 8 && offsetof(HeaderPayload, page_bytes) == 12);
static_assert(offsetof(HeaderPayload, crash_time) == 16 && offsetof(HeaderPayload, header_offset) == 24);
static_assert(offsetof(HeaderPayload, trailer_offset) == 32 && offsetof(HeaderPayload, messages_begin) == 40);
static_assert(offsetof(HeaderPayload, messages_end) == 48 && offsetof(HeaderPayload, data_begin) == 56);
static_assert(offsetof(HeaderPayload, data_end) == 64 && offsetof(HeaderPayload, reserved) == 72);
static_assert(std::is_trivially_copyable_v<HeaderPayload> && std::is_standard_layout_v<HeaderPayload>);

// "Page chunk": this, then run_count PageRun, then the data pages in the order of the runs.
struct ChunkPrefix {
  le32 run_count;  // 1 to kChunkMaxRuns
  le32 reserved;   // zero
};
static_assert(sizeof(ChunkPrefix) == 8 && alignof(ChunkPrefix) == 1 && offsetof(ChunkPrefix, reserved) == 4);
static_assert(std::is_trivially_copyable_v<ChunkPrefix> && std::is_standard_layout_v<ChunkPrefix>);

struct PageRun {
  le64 first_pfn;
  le32 page_count;  // at least 1
  le32 kind;        // PageKind
};
static_assert(sizeof(PageRun) == 16 && alignof(PageRun) == 1);
static_assert(offsetof(PageRun, page_count) == 8 && offsetof(PageRun, kind) == 12);
static_assert(std::is_trivially_copyable_v<PageRun> && std::is_standard_layout_v<PageRun>);

inline constexpr uint64_t kChunkMaxPlainBytes = sizeof(ChunkPrefix) + kChunkMaxRuns * sizeof(PageRun) + kChunkDataBytes;

// "Index segment": this, then entry_count IndexEntry in the order of writing.
struct IndexPrefix {
  le64 previous_offset;  // of the index segment before this one; 0 if there is none
  le32 entry_count;      // 1 to kIndexMaxEntries
  le32 reserved;         // zero
};
static_assert(sizeof(IndexPrefix) == 16 && alignof(IndexPrefix) == 1);
static_assert(offsetof(IndexPrefix, entry_count) == 8 && offsetof(IndexPrefix, reserved) == 12);
static_assert(std::is_trivially_copyable_v<IndexPrefix> && std::is_standard_layout_v<IndexPrefix>);

struct IndexEntry {
  le64 offset;         // of the chunk's object header
  le64 first_pfn;      // lowest page frame number of the chunk's runs
  le64 end_pfn;        // highest, plus one; not every page between is in the chunk
  le32 data_pages;     // pages whose bytes are in the chunk
  le32 stored_length;  // as in the chunk's object header
};
static_assert(sizeof(IndexEntry) == 32 && alignof(IndexEntry) == 1);
static_assert(offsetof(IndexEntry, first_pfn) == 8 && offsetof(IndexEntry, end_pfn) == 16);
static_assert(offsetof(IndexEntry, data_pages) == 24 && offsetof(IndexEntry, stored_length) == 28);
static_assert(std::is_trivially_copyable_v<IndexEntry> && std::is_standard_layout_v<IndexEntry>);

inline constexpr uint64_t kIndexMaxPlainBytes = sizeof(IndexPrefix) + kIndexMaxEntries * sizeof(IndexEntry);

// "Trailer payload"
struct TrailerPayload {
  uint8_t magic[8];        // kTrailerMagic
  le32 result;             // DumpResult
  le32 reserved_1;         // zero
  le64 object_count;       // objects written before the trailer, the header among them
  uint8_t tags_hash[32];   // BLAKE2b-256 over the tags of those objects in the order of their sequence numbers
  le64 messages_end;       // end of the last object in the messages range; its begin if there is none
  le64 data_end;           // end of the last object in the data range; its begin if there is none
  le64 last_index_offset;  // of the last index segment; 0 if there is none
  le64 summary_offset;     // of the summary; 0 if there is none
  le64 chunk_count;
  le64 data_pages;
  le64 zero_pages;
  le64 unreadable_pages;
  uint8_t reserved_2[72];  // zero
};
inline constexpr std::array<uint8_t, 8> kTrailerMagic{'C', 'R', 'A', 'S', 'H', 'E', 'N', 'D'};
static_assert(sizeof(TrailerPayload) == 192 && alignof(TrailerPayload) == 1);
static_assert(offsetof(TrailerPayload, result) == 8 && offsetof(TrailerPayload, reserved_1) == 12);
static_assert(offsetof(TrailerPayload, object_count) == 16 && offsetof(TrailerPayload, tags_hash) == 24);
static_assert(offsetof(TrailerPayload, messages_end) == 56 && offsetof(TrailerPayload, data_end) == 64);
static_assert(offsetof(TrailerPayload, last_index_offset) == 72 && offsetof(TrailerPayload, summary_offset) == 80);
static_assert(offsetof(TrailerPayload, chunk_count) == 88 && offsetof(TrailerPayload, data_pages) == 96);
static_assert(offsetof(TrailerPayload, zero_pages) == 104 && offsetof(TrailerPayload, unreadable_pages) == 112);
static_assert(offsetof(TrailerPayload, reserved_2) == 120);
static_assert(std::is_trivially_copyable_v<TrailerPayload> && std::is_standard_layout_v<TrailerPayload>);

}  // namespace crashdump
