// SPDX-License-Identifier: GPL-2.0-or-later
// The header of a Linux swap area (its page 0): reading it, refusing everything that is not beyond doubt ours to use,
// finding suspend signatures, and changing the one field that this project changes: last_page.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/byte_source.h"
#include "common/storage/block_device.h"
#include "common/storage/uuid.h"

namespace crashdump {

inline constexpr uint32_t kSmallestPageSize = 4096;
inline constexpr uint32_t kLargestPageSize = 65536;
// What the functions below look at: page 0 at the largest page size.
inline constexpr uint64_t kSwapHeadBytes = kLargestPageSize;
// The last_page field: 4 bytes in the byte order of the machine that made the swap.
inline constexpr uint64_t kLastPageOffset = 1028;

// A swap header that the running kernel would accept, of version 1, in our byte order, without bad pages.
struct SwapHeader {
  uint32_t page_size = 0;
  // The last page that the swap uses, counted in page_size from the device's beginning; never 0.
  uint32_t last_page = 0;
  Uuid uuid{};
  std::string label;  // raw bytes up to the first NUL
  // Padding words 32 and 33 are not zero: libblkid then shows neither UUID nor label, so the swap cannot be found again
  // by its UUID. The kernel does not mind.
  bool hidden_from_libblkid = false;

  // Where the swap ends, in bytes from the device's beginning.
  uint64_t end() const { return (uint64_t{last_page} + 1) * page_size; }
};

// A hibernation image may be there: the disk is nobody's to write to.
struct SuspendSignature {
  std::string name;     // "S1SUSPEND", ...
  uint64_t offset = 0;  // bytes from the device's beginning
};

// Looks for every known suspend signature: at the end of page 0 for each page size from 4 to 64 KiB, and TuxOnIce's at
// the very beginning. `head` is the device's first kSwapHeadBytes, or all of a smaller device.
std::optional<SuspendSignature> FindSuspendSignature(Bytes head);

// The page size of the first SWAPSPACE2 magic from 4 KiB up, if any. A hint for messages only: behind page 0 lies what
// users' programs had in memory, so a magic found at another than the expected page size proves nothing.
std::optional<uint32_t> FindSwapPageSize(Bytes head);

// The header for a kernel with this page size. kRefused with the one fact that forbids it: a suspend signature
// anywhere, no SWAPSPACE2 magic where this page size wants it, another version or byte order, bad pages, last_page of
// 0 or beyond the device. `head` as above; `device_size` in bytes.
Result<SwapHeader> ParseSwapHeader(Bytes head, uint64_t device_size, uint32_t page_size);

// Reads the device's head now and parses it.
Result<SwapHeader> ReadSwapHeader(const ByteSource& device, uint32_t page_size);
// The head as it is on the device now: kSwapHeadBytes, or all of a smaller device.
Result<std::vector<uint8_t>> ReadSwapHead(const ByteSource& device);

// Replaces last_page, which must be `expected` now (kRefused otherwise), by `value`: reads the logical block that holds
// it, changes the 4 bytes, writes that one block, flushes, and reads it back (kCorrupt if it differs). Everything else
// about the header must have been checked before. Only while the swap is inactive (the kernel enforces it).
Result<> WriteLastPage(BlockDevice& device, uint32_t expected, uint32_t value);

}  // namespace crashdump
