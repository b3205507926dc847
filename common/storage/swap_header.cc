// SPDX-License-Identifier: GPL-2.0-or-later
// The kernel's side is read_swap_header() in mm/swapfile.c and kernel/power/swap.c; util-linux' is swapheader.h,
// swapon.c and libblkid's superblocks/swap.c.
#include "common/storage/swap_header.h"

#include <array>
#include <bit>
#include <cinttypes>
#include <string_view>

#include "common/base/parse.h"

namespace crashdump {
namespace {

// Offsets in page 0. The first 1024 bytes belong to boot loaders.
constexpr uint64_t kVersionOffset = 1024;
constexpr uint64_t kBadPageCountOffset = 1032;
constexpr uint64_t kUuidOffset = 1036;
constexpr uint64_t kLabelOffset = 1052;
constexpr uint64_t kLabelBytes = 16;
constexpr uint64_t kPaddingWord32Offset = 1196;
static_assert(kPaddingWord32Offset == kLabelOffset + kLabelBytes + 32 * sizeof(uint32_t));

constexpr uint64_t kMagicBytes = 10;
constexpr std::string_view kMagic = "SWAPSPACE2";
constexpr std::string_view kOldMagic = "SWAP-SPACE";
constexpr std::string_view kTuxOnIceMagic = "\xed\xc3\x02\xe9\x98\x56\xe5\x0c";

struct SuspendMagic {
  std::string_view magic;
  const char* name;
};
constexpr std::array<SuspendMagic, 5> kSuspendMagics = {{
    {"S1SUSPEND", "S1SUSPEND"},    // the kernel's hibernation
    {"S2SUSPEND", "S2SUSPEND"},    // Software Suspend 2
    {"ULSUSPEND", "ULSUSPEND"},    // uswsusp
    {"LINHIB0001", "LINHIB0001"},  // Linux on some ARM devices
    {kTuxOnIceMagic, "TuxOnIce"},
}};

uint32_t NativeWord(Bytes head, uint64_t offset) {
  uint32_t word = 0;
  memcpy(&word, head.data() + offset, sizeof(word));
  return word;
}

std::string_view MagicAt(Bytes head, uint32_t page_size) {
  return TextOf(head.subspan(page_size - kMagicBytes, kMagicBytes));
}

Error NoMagic(Bytes head, uint32_t page_size) {
  const std::optional<uint32_t> other = FindSwapPageSize(head);
  if (other) {
    return Error::Format(ErrorCode::kRefused, "the swap was made for pages of %u KiB, this kernel has pages of %u KiB",
                         *other / 1024, page_size / 1024);
  }
  if (MagicAt(head, page_size) == kOldMagic) {
    return Error::Format(ErrorCode::kRefused, "a swap of version 0, which no kernel uses any more");
  }
  return Error::Format(ErrorCode::kRefused, "not a swap: no SWAPSPACE2 at byte %u",
                       static_cast<unsigned>(page_size - kMagicBytes));
}

}  // namespace

std::optional<SuspendSignature> FindSuspendSignature(Bytes head) {
  if (TextOf(head).starts_with(kTuxOnIceMagic)) return SuspendSignature{"TuxOnIce", 0};
  for (uint32_t page_size = kSmallestPageSize; page_size <= kLargestPageSize && page_size <= head.size();
       page_size *= 2) {
    for (const SuspendMagic& suspend : kSuspendMagics) {
      if (MagicAt(head, page_size).starts_with(suspend.magic)) {
        return SuspendSignature{suspend.name, page_size - kMagicBytes};
      }
    }
  }
  return std::nullopt;
}

std::optional<uint32_t> FindSwapPageSize(Bytes head) {
  for (uint32_t page_size = kSmallestPageSize; page_size <= kLargestPageSize && page_size <= head.size();
       page_size *= 2) {
    if (MagicAt(head, page_size) == kMagic) return page_size;
  }
  return std::nullopt;
}

Result<SwapHeader> ParseSwapHeader(Bytes head, uint64_t device_size, uint32_t page_size) {
  if (!IsPowerOfTwo(page_size) || page_size < kSmallestPageSize || page_size > kLargestPageSize) {
    return Error::Format(ErrorCode::kInvalidArgument, "swap pages of %u bytes", page_size);
  }
  if (head.size() < page_size) {
    return Error::Format(ErrorCode::kRefused, "not a swap: %zu bytes, less than one page of %u", head.size(),
                         page_size);
  }
  if (const std::optional<SuspendSignature> suspend = FindSuspendSignature(head)) {
    return Error::Format(ErrorCode::kRefused, "a hibernation image may be on it: suspend signature %s at byte %" PRIu64,
                         suspend->name.c_str(), suspend->offset);
  }
  if (MagicAt(head, page_size) != kMagic) return NoMagic(head, page_size);
  const uint32_t version = NativeWord(head, kVersionOffset);
  if (version == __builtin_bswap32(1)) {
    return Error::Format(ErrorCode::kRefused, "the swap was made by a machine of the other byte order");
  }
  if (version != 1) {
    return Error::Format(ErrorCode::kRefused, "a swap of version %u; only version 1 is known", version);
  }
  // The kernel refuses a swap whose bad pages lie above last_page, so lowering it could make the swap unusable.
  const uint32_t bad_pages = NativeWord(head, kBadPageCountOffset);
  if (bad_pages != 0) {
    return Error::Format(ErrorCode::kRefused, "the swap lists %u bad pages: the disk is failing", bad_pages);
  }
  SwapHeader header;
  header.page_size = page_size;
  header.last_page = NativeWord(head, kLastPageOffset);
  if (header.last_page == 0) return Error::Format(ErrorCode::kRefused, "the swap's last_page is 0: it is empty");
  if (header.end() > device_size) {
    return Error::Format(ErrorCode::kRefused, "the swap's last_page %u lies beyond the device's end at %" PRIu64,
                         header.last_page, device_size);
  }
  memcpy(header.uuid.data(), head.data() + kUuidOffset, header.uuid.size());
  const std::string_view label = TextOf(head.subspan(kLabelOffset, kLabelBytes));
  header.label = label.substr(0, label.find('\0'));
  header.hidden_from_libblkid =
      NativeWord(head, kPaddingWord32Offset) != 0 || NativeWord(head, kPaddingWord32Offset + 4) != 0;
  return header;
}

Result<std::vector<uint8_t>> ReadSwapHead(const ByteSource& device) {
  std::vector<uint8_t> head(static_cast<size_t>(std::min(kSwapHeadBytes, device.size())));
  TRY(device.ReadAt(0, head), "swap header");
  return head;
}

Result<SwapHeader> ReadSwapHeader(const ByteSource& device, uint32_t page_size) {
  const std::vector<uint8_t> head = TRY(ReadSwapHead(device));
  return ParseSwapHeader(head, device.size(), page_size);
}

Result<> WriteLastPage(BlockDevice& device, uint32_t expected, uint32_t value) {
  Require(value != 0);
  const uint32_t block_bytes = device.logical_block_size();
  const uint64_t block_begin = AlignDown(kLastPageOffset, block_bytes);
  const AlignedMemory buffer = TRY(AllocateAligned(2 * kDiskUnit));
  const MutableBytes block(buffer.get(), block_bytes);
  const MutableBytes written(buffer.get() + kDiskUnit, block_bytes);
  TRY(device.ReadAt(block_begin, block), "swap header");
  const uint64_t place = kLastPageOffset - block_begin;
  const uint32_t found = NativeWord(block, place);
  if (found != expected) {
    return Error::Format(ErrorCode::kRefused, "swap header: last_page is %u now, expected %u", found, expected);
  }
  memcpy(block.data() + place, &value, sizeof(value));
  TRY(device.WriteAt(block_begin, block), "swap header");
  TRY(device.Flush(), "swap header");
  TRY(device.ReadAt(block_begin, written), "swap header");
  if (!Equal(block, written)) {
    return Error::Format(ErrorCode::kCorrupt, "swap header: the device does not hold what was written to it");
  }
  return {};
}

}  // namespace crashdump
