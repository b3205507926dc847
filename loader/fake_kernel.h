// SPDX-License-Identifier: GPL-2.0-or-later
// Kernel files for tests: the headers that loaders look at, and nothing behind them that could run.
#pragma once

#include <string>

#include "common/base/bytes.h"
#include "common/vmcore/elf_layout.h"

namespace crashdump {

// A bzImage of protocol 2.15.
inline std::string FakeBzImage(WordSize word = WordSize::k64, uint32_t init_size = 4096) {
  std::string file(2048, 'k');
  const auto put = [&file](size_t offset, size_t size, uint64_t value) {
    StoreInteger(MutableBytesOf(file).subspan(offset, size), value, ByteOrder::kLittle);
  };
  put(0x1f1, 1, 1);
  put(0x1f4, 4, (file.size() - 1024) / 16);
  put(0x1fe, 2, 0xaa55);
  file.replace(0x202, 4, "HdrS");
  put(0x206, 2, 0x20f);
  put(0x211, 1, 1);
  put(0x236, 2, word == WordSize::k64 ? 3 : 0);
  put(0x260, 4, init_size);
  return file;
}

// A vmlinux whose only segment has this size in memory.
inline std::string FakeVmlinux(uint16_t machine, TargetFormat format, uint64_t memory_size = 4096) {
  std::string file(2048, '\0');
  const ElfLayout& layout = ElfLayoutOf(format.word);
  const MutableBytes bytes = MutableBytesOf(file);
  memcpy(bytes.data(), kElfMagic, sizeof(kElfMagic));
  bytes[kElfIdentClass] = format.word == WordSize::k64 ? kElfClass64 : kElfClass32;
  bytes[kElfIdentData] = format.order == ByteOrder::kBig ? kElfDataBig : kElfDataLittle;
  bytes[kElfIdentVersion] = 1;
  layout.machine.Store(bytes, machine, format.order);
  layout.program_offset.Store(bytes, layout.header_bytes, format.order);
  layout.program_entry_bytes.Store(bytes, layout.program_header_bytes, format.order);
  layout.program_count.Store(bytes, 2, format.order);
  const MutableBytes note = bytes.subspan(layout.header_bytes, layout.program_header_bytes);
  layout.segment_type.Store(note, kSegmentNote, format.order);
  layout.memory_size.Store(note, 1000, format.order);
  const MutableBytes load =
      bytes.subspan(layout.header_bytes + layout.program_header_bytes, layout.program_header_bytes);
  layout.segment_type.Store(load, kSegmentLoad, format.order);
  layout.file_offset.Store(load, 1024, format.order);
  layout.file_size.Store(load, file.size() - 1024, format.order);
  layout.memory_size.Store(load, memory_size, format.order);
  return file;
}

}  // namespace crashdump
