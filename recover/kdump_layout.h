// SPDX-License-Identifier: GPL-2.0-or-later
// The structures of makedumpfile's kdump-compressed format, header version 6, as programs of the crashed machine would
// lay them out (makedumpfile 1.7.2, diskdump_mod.h; crash 8.0.2, diskdump.h; docs/vmcore-formats.md). Its own C
// structures have `long` and `timeval`, so there is one set for 64-bit machines, and one for i386, which aligns 64-bit
// integers to 4 bytes and has 32-bit times. Byte order: the machine's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/vmcore/target_data.h"

namespace crashdump {

// An integer of the target's byte order.
template <size_t kBytes>
struct TargetInteger {
  uint8_t bytes[kBytes];

  void Store(uint64_t value, ByteOrder order) { StoreInteger(bytes, value, order); }
  uint64_t Load(ByteOrder order) const { return LoadInteger(bytes, order); }
};
using target32 = TargetInteger<4>;
using target64 = TargetInteger<8>;

// struct new_utsname.
struct KdumpUtsname {
  char system[65];
  char node[65];
  char release[65];
  char version[65];
  char machine[65];
  char domain[65];
};
static_assert(sizeof(KdumpUtsname) == 390);

// struct disk_dump_header, alone in block 0.
struct KdumpHeader64 {
  char signature[8];
  target32 version;
  KdumpUtsname names;
  uint8_t padding_1[6];
  target64 seconds;
  target64 microseconds;
  target32 status;  // the compression's flag, and kKdumpIncomplete
  target32 block_bytes;
  target32 sub_header_blocks;
  target32 bitmap_blocks;  // of both bitmaps
  target32 max_pfn;        // 2^32 - 1 if it does not fit; see the sub header
  target32 total_ram_blocks;
  target32 device_blocks;
  target32 written_blocks;
  target32 current_cpu;
  target32 cpus;
};
static_assert(sizeof(KdumpHeader64) == 464 && alignof(KdumpHeader64) == 1);
static_assert(offsetof(KdumpHeader64, names) == 12 && offsetof(KdumpHeader64, seconds) == 408);
static_assert(offsetof(KdumpHeader64, status) == 424 && offsetof(KdumpHeader64, block_bytes) == 428);
static_assert(offsetof(KdumpHeader64, sub_header_blocks) == 432 && offsetof(KdumpHeader64, bitmap_blocks) == 436);
static_assert(offsetof(KdumpHeader64, max_pfn) == 440 && offsetof(KdumpHeader64, cpus) == 460);

struct KdumpHeader32 {
  char signature[8];
  target32 version;
  KdumpUtsname names;
  uint8_t padding_1[2];
  target32 seconds;
  target32 microseconds;
  target32 status;
  target32 block_bytes;
  target32 sub_header_blocks;
  target32 bitmap_blocks;
  target32 max_pfn;
  target32 total_ram_blocks;
  target32 device_blocks;
  target32 written_blocks;
  target32 current_cpu;
  target32 cpus;
};
static_assert(sizeof(KdumpHeader32) == 452 && alignof(KdumpHeader32) == 1);
static_assert(offsetof(KdumpHeader32, names) == 12 && offsetof(KdumpHeader32, seconds) == 404);
static_assert(offsetof(KdumpHeader32, status) == 412 && offsetof(KdumpHeader32, block_bytes) == 416);
static_assert(offsetof(KdumpHeader32, sub_header_blocks) == 420 && offsetof(KdumpHeader32, bitmap_blocks) == 424);
static_assert(offsetof(KdumpHeader32, max_pfn) == 428 && offsetof(KdumpHeader32, cpus) == 448);

// struct kdump_sub_header, at the front of block 1. Offsets are of the file.
struct KdumpSubHeader64 {
  target64 phys_base;  // where the kernel's image is, less where it is linked to be
  target32 dump_level;
  target32 split;
  target64 start_pfn;
  target64 end_pfn;
  target64 vmcoreinfo_offset;
  target64 vmcoreinfo_bytes;
  target64 notes_offset;
  target64 notes_bytes;
  target64 erase_info_offset;
  target64 erase_info_bytes;
  target64 start_pfn_64;
  target64 end_pfn_64;
  target64 max_pfn_64;
};
static_assert(sizeof(KdumpSubHeader64) == 104 && alignof(KdumpSubHeader64) == 1);
static_assert(offsetof(KdumpSubHeader64, dump_level) == 8 && offsetof(KdumpSubHeader64, vmcoreinfo_offset) == 32);
static_assert(offsetof(KdumpSubHeader64, notes_offset) == 48 && offsetof(KdumpSubHeader64, max_pfn_64) == 96);

struct KdumpSubHeader32 {
  target32 phys_base;
  target32 dump_level;
  target32 split;
  target32 start_pfn;
  target32 end_pfn;
  target64 vmcoreinfo_offset;
  target32 vmcoreinfo_bytes;
  target64 notes_offset;
  target32 notes_bytes;
  target64 erase_info_offset;
  target32 erase_info_bytes;
  target64 start_pfn_64;
  target64 end_pfn_64;
  target64 max_pfn_64;
};
static_assert(sizeof(KdumpSubHeader32) == 80 && alignof(KdumpSubHeader32) == 1);
static_assert(offsetof(KdumpSubHeader32, dump_level) == 4 && offsetof(KdumpSubHeader32, vmcoreinfo_offset) == 20);
static_assert(offsetof(KdumpSubHeader32, vmcoreinfo_bytes) == 28 && offsetof(KdumpSubHeader32, notes_offset) == 32);
static_assert(offsetof(KdumpSubHeader32, notes_bytes) == 40 && offsetof(KdumpSubHeader32, max_pfn_64) == 72);

// struct page_desc: one for each bit of the second bitmap.
struct KdumpPage {
  target64 offset;  // of what is stored
  target32 bytes;   // of what is stored
  target32 flags;   // the compression's, or 0
  target64 page_flags;
};
static_assert(sizeof(KdumpPage) == 24 && alignof(KdumpPage) == 1);
static_assert(offsetof(KdumpPage, bytes) == 8 && offsetof(KdumpPage, flags) == 12);

inline constexpr char kKdumpSignature[8] = {'K', 'D', 'U', 'M', 'P', ' ', ' ', ' '};
inline constexpr uint32_t kKdumpVersion = 6;  // 64-bit page frame numbers
inline constexpr uint32_t kKdumpZlib = 0x1;
inline constexpr uint32_t kKdumpIncomplete = 0x8;
inline constexpr uint32_t kKdumpZstd = 0x20;

}  // namespace crashdump
