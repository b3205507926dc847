// SPDX-License-Identifier: GPL-2.0-or-later
// The two stamps that mark a region on the disk, at its beginning and near its end. docs/region-format.md has the
// bytes. A stamp holds nothing about the disk it is on, so that cloned images and moved disks keep working.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/byte_source.h"
#include "common/base/endian.h"
#include "common/base/text_record.h"
#include "common/base/units.h"

namespace crashdump {

using RegionId = std::array<uint8_t, 16>;

inline constexpr uint64_t kStampBytes = kDiskUnit;
using StampBytes = std::array<uint8_t, kStampBytes>;

enum class StampKind : uint8_t { kStart = 1, kEnd = 2 };

struct Stamp {
  RegionId region_id{};             // random, made by prepare
  Range region;                     // bytes from the device's beginning
  uint32_t page_size = 0;           // of the swap
  uint32_t original_last_page = 0;  // what `prepare --undo` puts back

  bool operator==(const Stamp&) const = default;
};

struct StampOnDisk {
  uint8_t magic[8];
  le32 version;
  le32 kind;
  uint8_t region_id[16];
  le64 region_begin;
  le64 region_end;
  le32 page_size;
  le32 original_last_page;
  uint8_t reserved[4008];
  uint8_t checksum[32];
};
static_assert(sizeof(StampOnDisk) == kStampBytes && alignof(StampOnDisk) == 1);
static_assert(offsetof(StampOnDisk, version) == 8 && offsetof(StampOnDisk, kind) == 12);
static_assert(offsetof(StampOnDisk, region_id) == 16 && offsetof(StampOnDisk, region_begin) == 32);
static_assert(offsetof(StampOnDisk, region_end) == 40 && offsetof(StampOnDisk, page_size) == 48);
static_assert(offsetof(StampOnDisk, original_last_page) == 52 && offsetof(StampOnDisk, reserved) == 56);
static_assert(offsetof(StampOnDisk, checksum) == 4064);

// Equal stamps give equal bytes, so that a stored Stamp decides what must be on the disk, byte for byte.
StampBytes EncodeStamp(const Stamp& stamp, StampKind kind);

// kNotFound: there is no stamp (magic). kCorrupt: it is damaged (checksum, kind, bounds that no region can have).
// kUnsupported: a later version.
Result<Stamp> DecodeStamp(Bytes bytes, StampKind kind);

// The stamp as lines of a text record (region-id, region-begin, region-end, page-size, original-last-page), for
// /var/lib/crashdump/regions. From a record: kNotFound or kInvalidArgument name the line; bounds are checked as in
// DecodeStamp.
void AddStamp(const Stamp& stamp, TextRecord& record);
Result<Stamp> StampFromRecord(const TextRecord& record);

}  // namespace crashdump
