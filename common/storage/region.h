// SPDX-License-Identifier: GPL-2.0-or-later
// The region at the upper end of a swap: its layout, how large it is to be, and its stamps and control blocks on the
// device. docs/region-format.md has the picture and the reasons.
//
//   | start stamp 4 KiB | page data ... | 8 message slots of 1 MiB | end stamp 4 KiB | 2 MiB of zeros |
//
// Offsets are relative to the region's first byte unless a name says "device".
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/base/byte_source.h"
#include "common/base/slot_layout.h"
#include "common/base/units.h"
#include "common/crypto/crypto.h"
#include "common/storage/block_device.h"
#include "common/storage/stamp.h"
#include "common/storage/swap_header.h"

namespace crashdump {

inline constexpr unsigned kSlotCount = 8;
inline constexpr uint64_t kZeroTailBytes = 2 * kMiB;
inline constexpr uint64_t kSmallestRegionBytes = 64 * kMiB;
inline constexpr uint64_t kLargestRegionBytes = uint64_t{1} << 50;
// A swap keeps at least this much: more than the ten pages of 64 KiB that mkswap asks for.
inline constexpr uint64_t kLeastSwapLeft = kMiB;

// The places of one attempt to write a dump: attempt 1 or 2 of one arming.
struct AttemptPlaces {
  Range header;   // one block
  Range trailer;  // one block
  Range messages;
};

class Region {
 public:
  // `bounds` in bytes from the device's beginning, multiples of kDiskUnit; between kSmallestRegionBytes and
  // kLargestRegionBytes, else kInvalidArgument.
  static Result<Region> Create(Range bounds);

  const Range& device_range() const { return bounds_; }
  uint64_t size() const { return bounds_.size(); }
  uint64_t DeviceOffset(uint64_t offset) const { return bounds_.begin + offset; }

  Range start_stamp() const { return {0, kStampBytes}; }
  // Where extents of armings lie.
  Range data() const { return {kStampBytes, slots().begin}; }
  Range slots() const { return {end_stamp().begin - kSlotCount * kSlotBytes, end_stamp().begin}; }
  Range end_stamp() const { return {zero_tail().begin - kStampBytes, zero_tail().begin}; }
  Range zero_tail() const { return {size() - kZeroTailBytes, size()}; }
  // `slot` < kSlotCount; `attempt` 1 or 2 (Require).
  Range Slot(unsigned slot) const;
  AttemptPlaces Places(unsigned slot, unsigned attempt) const;

 private:
  explicit Region(Range bounds) : bounds_(bounds) {}

  Range bounds_;
};

// How many bytes a region takes from a swap of `swap_bytes` (end of its header's last page before lowering).
// `wanted` empty is `auto`: an eighth of `ram_bytes`, at least 256 MiB, at most 16 GiB and half of the swap; kRefused
// for a swap under 512 MiB. An explicit size: kRefused under kSmallestRegionBytes or if it leaves the swap less than
// kLeastSwapLeft.
Result<uint64_t> ChooseRegionSize(std::optional<uint64_t> wanted, uint64_t ram_bytes, uint64_t swap_bytes);

// A stamp for a new region of about `size` bytes (rounded up to pages of the swap) at the upper end of the swap as
// `header` says it is now, with a fresh random id.
Result<Stamp> PlanRegion(const SwapHeader& header, uint64_t size);
// The last_page that leaves the stamp's region out of the swap.
uint32_t LoweredLastPage(const Stamp& stamp);

// Writes the zero tail, both stamps, and flushes. Nothing outside the region; page data and slots stay as they are:
// what is there authenticates with no key of the new region.
Result<> WriteRegion(BlockDevice& device, const Stamp& stamp);
// Overwrites both stamps with zeros and flushes.
Result<> EraseStamps(BlockDevice& device, const Stamp& stamp);

// The stamp of the region that begins where the swap of `header` ends; start and end stamp agree. kNotFound if there is
// no start stamp; kCorrupt names what else is wrong.
Result<Stamp> ReadStamps(const ByteSource& device, const SwapHeader& header);
// kRefused, naming the stamp, unless both stamps on the device equal `stamp` byte for byte.
Result<> CheckStamps(const ByteSource& device, const Stamp& stamp);

// For each slot and attempt the hash of its header block followed by its trailer block: whoever uses the region
// changes at least one.
using ControlHashes = std::array<std::array<Hash, kAttempts>, kSlotCount>;
Result<ControlHashes> HashControlBlocks(const ByteSource& device, const Region& region);

// Of a block in each MiB of page data in `range` (relative to the region): a dump that reaches more than that into it
// changes the hash.
Result<Hash> HashSamples(const ByteSource& device, const Region& region, const Range& range);

}  // namespace crashdump
