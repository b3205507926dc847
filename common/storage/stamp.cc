// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/stamp.h"

#include <cinttypes>

#include "common/crypto/crypto.h"
#include "common/storage/region.h"

namespace crashdump {
namespace {

constexpr std::string_view kMagic = "CRASHRGN";
constexpr uint32_t kVersion = 1;
constexpr std::array<const char*, 2> kKindNames = {"start", "end"};

const char* Name(StampKind kind) { return kKindNames.at(static_cast<size_t>(kind) - 1); }

Hash Checksum(Bytes stamp) { return Hash256(stamp.first(offsetof(StampOnDisk, checksum))); }

// What no prepare could have made, whoever put a right checksum under it.
Result<> CheckPossible(const Stamp& stamp) {
  if (!IsPowerOfTwo(stamp.page_size) || stamp.page_size < kSmallestPageSize || stamp.page_size > kLargestPageSize) {
    return Error::Format(ErrorCode::kCorrupt, "swap pages of %u bytes", stamp.page_size);
  }
  TRY(Region::Create(stamp.region));
  const uint64_t swap_end = (uint64_t{stamp.original_last_page} + 1) * stamp.page_size;
  if (stamp.region.end != swap_end || !IsAligned(stamp.region.begin, stamp.page_size) ||
      stamp.region.begin < kLeastSwapLeft) {
    return Error::Format(ErrorCode::kCorrupt,
                         "bounds %" PRIu64 " to %" PRIu64 " are not the upper end of a swap that ended at %" PRIu64,
                         stamp.region.begin, stamp.region.end, swap_end);
  }
  return {};
}

}  // namespace

StampBytes EncodeStamp(const Stamp& stamp, StampKind kind) {
  StampOnDisk disk{};
  memcpy(disk.magic, kMagic.data(), sizeof(disk.magic));
  disk.version = kVersion;
  disk.kind = static_cast<uint32_t>(kind);
  memcpy(disk.region_id, stamp.region_id.data(), sizeof(disk.region_id));
  disk.region_begin = stamp.region.begin;
  disk.region_end = stamp.region.end;
  disk.page_size = stamp.page_size;
  disk.original_last_page = stamp.original_last_page;
  const Hash checksum = Checksum(BytesOf(disk));
  memcpy(disk.checksum, checksum.data(), sizeof(disk.checksum));
  StampBytes bytes;
  memcpy(bytes.data(), &disk, sizeof(disk));
  return bytes;
}

Result<Stamp> DecodeStamp(Bytes bytes, StampKind kind) {
  if (bytes.size() < kStampBytes) {
    return Error::Format(ErrorCode::kTruncated, "%s stamp: %zu bytes", Name(kind), bytes.size());
  }
  const auto disk = LoadObject<StampOnDisk>(bytes);
  if (memcmp(disk.magic, kMagic.data(), sizeof(disk.magic)) != 0) {
    return Error::Format(ErrorCode::kNotFound, "there is no %s stamp", Name(kind));
  }
  // The version comes before everything that a later version may have changed.
  if (disk.version != kVersion) {
    return Error::Format(ErrorCode::kUnsupported, "%s stamp: version %u; this program knows version %u", Name(kind),
                         static_cast<uint32_t>(disk.version), kVersion);
  }
  if (!Equal(Checksum(bytes), Bytes(disk.checksum))) {
    return Error::Format(ErrorCode::kCorrupt, "%s stamp: wrong checksum", Name(kind));
  }
  if (disk.kind != static_cast<uint32_t>(kind) || !AllZero(Bytes(disk.reserved))) {
    return Error::Format(ErrorCode::kCorrupt, "%s stamp: is of kind %u or has reserved bytes set", Name(kind),
                         static_cast<uint32_t>(disk.kind));
  }
  Stamp stamp;
  memcpy(stamp.region_id.data(), disk.region_id, sizeof(disk.region_id));
  if (disk.region_begin > disk.region_end) {
    return Error::Format(ErrorCode::kCorrupt, "%s stamp: ends before it begins", Name(kind));
  }
  stamp.region = {disk.region_begin, disk.region_end};
  stamp.page_size = disk.page_size;
  stamp.original_last_page = disk.original_last_page;
  TRY(CheckPossible(stamp), "%s stamp", Name(kind));
  return stamp;
}

void AddStamp(const Stamp& stamp, TextRecord& record) {
  record.AddHex("region-id", stamp.region_id);
  record.AddNumber("region-begin", stamp.region.begin);
  record.AddNumber("region-end", stamp.region.end);
  record.AddNumber("page-size", stamp.page_size);
  record.AddNumber("original-last-page", stamp.original_last_page);
}

Result<Stamp> StampFromRecord(const TextRecord& record) {
  Stamp stamp;
  TRY(record.Hex("region-id", stamp.region_id));
  const uint64_t begin = TRY(record.Number("region-begin"));
  const uint64_t end = TRY(record.Number("region-end"));
  const uint64_t page_size = TRY(record.Number("page-size"));
  const uint64_t last_page = TRY(record.Number("original-last-page"));
  if (begin > end || page_size > kLargestPageSize || last_page > UINT32_MAX) {
    return Error::Format(ErrorCode::kCorrupt, "numbers that no stamp can have");
  }
  stamp.region = {begin, end};
  stamp.page_size = static_cast<uint32_t>(page_size);
  stamp.original_last_page = static_cast<uint32_t>(last_page);
  TRY(CheckPossible(stamp));
  return stamp;
}

}  // namespace crashdump
