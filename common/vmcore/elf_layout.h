// SPDX-License-Identifier: GPL-2.0-or-later
// Where the fields that we use stand in ELF files, one table per class. System V ABI, "Object Files"; the program
// header's p_flags is why no formula gives one class from the other.
#pragma once

#include <cstdint>

#include "common/base/bytes.h"
#include "common/vmcore/target_data.h"

namespace crashdump {

struct ElfField {
  uint8_t offset;
  uint8_t size;

  // The field's value in a structure that begins at the front of `structure`, which must be long enough.
  uint64_t Load(Bytes structure, ByteOrder order) const { return LoadInteger(structure.subspan(offset, size), order); }
  void Store(MutableBytes structure, uint64_t value, ByteOrder order) const {
    StoreInteger(structure.subspan(offset, size), value, order);
  }
};

struct ElfLayout {
  uint8_t header_bytes;
  ElfField type, machine, version, program_offset, section_offset, header_size, program_entry_bytes, program_count,
      section_entry_bytes, section_count;

  uint8_t program_header_bytes;
  ElfField segment_type, segment_flags, file_offset, virtual_address, physical_address, file_size, memory_size,
      alignment;

  uint8_t section_header_bytes;
  ElfField section_info;
};

inline constexpr ElfLayout kElf32Layout = {
    .header_bytes = 52,
    .type = {16, 2},
    .machine = {18, 2},
    .version = {20, 4},
    .program_offset = {28, 4},
    .section_offset = {32, 4},
    .header_size = {40, 2},
    .program_entry_bytes = {42, 2},
    .program_count = {44, 2},
    .section_entry_bytes = {46, 2},
    .section_count = {48, 2},
    .program_header_bytes = 32,
    .segment_type = {0, 4},
    .segment_flags = {24, 4},
    .file_offset = {4, 4},
    .virtual_address = {8, 4},
    .physical_address = {12, 4},
    .file_size = {16, 4},
    .memory_size = {20, 4},
    .alignment = {28, 4},
    .section_header_bytes = 40,
    .section_info = {28, 4},
};

inline constexpr ElfLayout kElf64Layout = {
    .header_bytes = 64,
    .type = {16, 2},
    .machine = {18, 2},
    .version = {20, 4},
    .program_offset = {32, 8},
    .section_offset = {40, 8},
    .header_size = {52, 2},
    .program_entry_bytes = {54, 2},
    .program_count = {56, 2},
    .section_entry_bytes = {58, 2},
    .section_count = {60, 2},
    .program_header_bytes = 56,
    .segment_type = {0, 4},
    .segment_flags = {4, 4},
    .file_offset = {8, 8},
    .virtual_address = {16, 8},
    .physical_address = {24, 8},
    .file_size = {32, 8},
    .memory_size = {40, 8},
    .alignment = {48, 8},
    .section_header_bytes = 64,
    .section_info = {44, 4},
};

constexpr const ElfLayout& ElfLayoutOf(WordSize word) { return word == WordSize::k64 ? kElf64Layout : kElf32Layout; }

// The identification bytes.
inline constexpr uint8_t kElfMagic[4] = {0x7f, 'E', 'L', 'F'};
inline constexpr unsigned kElfIdentBytes = 16;
inline constexpr unsigned kElfIdentClass = 4;
inline constexpr unsigned kElfIdentData = 5;
inline constexpr unsigned kElfIdentVersion = 6;
inline constexpr uint8_t kElfClass32 = 1;
inline constexpr uint8_t kElfClass64 = 2;
inline constexpr uint8_t kElfDataLittle = 1;
inline constexpr uint8_t kElfDataBig = 2;

inline constexpr uint16_t kElfTypeCore = 4;
inline constexpr uint16_t kElfMachine386 = 3;
inline constexpr uint16_t kElfMachinePpc = 20;
inline constexpr uint16_t kElfMachinePpc64 = 21;
inline constexpr uint16_t kElfMachineX86_64 = 62;

// A program header count that does not fit 16 bits: the count is in sh_info of section 0.
inline constexpr uint16_t kElfCountInSection0 = 0xffff;

inline constexpr uint32_t kSegmentLoad = 1;
inline constexpr uint32_t kSegmentNote = 4;

}  // namespace crashdump
