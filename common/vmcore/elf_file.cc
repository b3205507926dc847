// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/elf_file.h"

#include <algorithm>
#include <array>
#include <cinttypes>

#include "common/vmcore/elf_layout.h"

namespace crashdump {
namespace {

struct ElfIdent {
  TargetFormat format;
  uint16_t machine = 0;
};

Result<ElfIdent> CheckIdent(Bytes ident) {
  if (!Equal(ident.first(sizeof(kElfMagic)), Bytes(kElfMagic))) {
    return Error::Format(ErrorCode::kUnsupported, "not an ELF file");
  }
  ElfIdent result;
  const uint8_t elf_class = ident[kElfIdentClass];
  const uint8_t data = ident[kElfIdentData];
  if ((elf_class != kElfClass32 && elf_class != kElfClass64) || (data != kElfDataLittle && data != kElfDataBig) ||
      ident[kElfIdentVersion] != 1) {
    return Error::Format(ErrorCode::kUnsupported, "ELF header: unknown class %u, byte order %u or version %u",
                         elf_class, data, ident[kElfIdentVersion]);
  }
  result.format.word = elf_class == kElfClass64 ? WordSize::k64 : WordSize::k32;
  result.format.order = data == kElfDataBig ? ByteOrder::kBig : ByteOrder::kLittle;
  return result;
}

// How many program headers there are, wherever that stands.
Result<uint64_t> CountSegments(const ByteSource& source, const ElfLayout& layout, ByteOrder order, Bytes header) {
  const uint64_t count = layout.program_count.Load(header, order);
  if (count != kElfCountInSection0) return count;
  std::array<uint8_t, kElf64Layout.section_header_bytes> buffer;
  const MutableBytes section(buffer.data(), layout.section_header_bytes);
  TRY(source.ReadAt(layout.section_offset.Load(header, order), section), "ELF section header 0");
  return layout.section_info.Load(section, order);
}

ElfSegment LoadSegment(const ElfLayout& layout, ByteOrder order, Bytes header, uint32_t number) {
  return {.number = number,
          .file_offset = layout.file_offset.Load(header, order),
          .virtual_address = layout.virtual_address.Load(header, order),
          .physical_address = layout.physical_address.Load(header, order),
          .file_size = layout.file_size.Load(header, order),
          .memory_size = layout.memory_size.Load(header, order)};
}

Result<> CheckPlace(const ElfSegment& segment, uint64_t source_size) {
  const std::optional<uint64_t> end = CheckedAdd(segment.file_offset, segment.file_size);
  if (!end) {
    return Error::Format(ErrorCode::kCorrupt,
                         "segment %" PRIu32 ": %" PRIu64 " bytes at offset %" PRIu64 " of the file", segment.number,
                         segment.file_size, segment.file_offset);
  }
  if (source_size != 0 && *end > source_size) {
    return Error::Format(ErrorCode::kTruncated,
                         "truncated: segment %" PRIu32 " needs bytes up to %" PRIu64 ", the file has %" PRIu64,
                         segment.number, *end, source_size);
  }
  return {};
}

Result<> CheckMemory(const ElfSegment& segment) {
  if (segment.file_size > segment.memory_size || !CheckedAdd(segment.physical_address, segment.memory_size)) {
    return Error::Format(ErrorCode::kCorrupt,
                         "segment %" PRIu32 ": %" PRIu64 " bytes in the file for %" PRIu64
                         " bytes of memory at 0x%" PRIx64,
                         segment.number, segment.file_size, segment.memory_size, segment.physical_address);
  }
  return {};
}

}  // namespace

Result<ElfFile> ElfFile::Read(const ByteSource& source) {
  std::array<uint8_t, kElf64Layout.header_bytes> header{};
  const MutableBytes ident = MutableBytes(header).first(kElfIdentBytes);
  TRY(source.ReadAt(0, ident), "not an ELF file");
  ElfIdent found = TRY(CheckIdent(ident));
  const ElfLayout& layout = ElfLayoutOf(found.format.word);
  TRY(source.ReadAt(0, MutableBytes(header).first(layout.header_bytes)), "ELF header");
  // Of an image that kexec_file_load has prepared, e_ident says little-endian whatever the machine is; the fields are
  // in its byte order all the same (kernel/kexec_file.c, 6.1, crash_prepare_elf64_headers).
  if (layout.type.Load(header, ByteOrder::kBig) == kElfTypeCore) found.format.order = ByteOrder::kBig;
  ElfFile file;
  file.format_ = found.format;
  const ByteOrder order = found.format.order;

  const uint64_t type = layout.type.Load(header, order);
  if (type != kElfTypeCore) {
    return Error::Format(ErrorCode::kUnsupported, "an ELF file of type %" PRIu64 ", not a memory image (type %u)", type,
                         kElfTypeCore);
  }
  file.machine_ = static_cast<uint16_t>(layout.machine.Load(header, order));

  const uint64_t count = TRY(CountSegments(source, layout, order, header));
  const uint64_t entry_bytes = layout.program_entry_bytes.Load(header, order);
  const uint64_t table = layout.program_offset.Load(header, order);
  if (count > kMaxSegments || (count != 0 && entry_bytes != layout.program_header_bytes) ||
      !CheckedAdd(table, count * layout.program_header_bytes)) {
    return Error::Format(ErrorCode::kCorrupt,
                         "ELF header: %" PRIu64 " program headers of %" PRIu64 " bytes at %" PRIu64, count, entry_bytes,
                         table);
  }

  constexpr uint64_t kBatch = 64;
  std::array<uint8_t, kBatch * kElf64Layout.program_header_bytes> buffer;
  for (uint64_t first = 0; first < count; first += kBatch) {
    const uint64_t batch = std::min(kBatch, count - first);
    const MutableBytes entries(buffer.data(), static_cast<size_t>(batch * entry_bytes));
    TRY(source.ReadAt(table + first * entry_bytes, entries), "ELF program headers");
    for (uint64_t i = 0; i < batch; ++i) {
      const Bytes entry = entries.subspan(static_cast<size_t>(i * entry_bytes), static_cast<size_t>(entry_bytes));
      const uint64_t segment_type = layout.segment_type.Load(entry, order);
      if (segment_type != kSegmentLoad && segment_type != kSegmentNote) continue;
      const ElfSegment segment = LoadSegment(layout, order, entry, static_cast<uint32_t>(first + i));
      // QEMU gives memory that a filter left out the file offset -1 and no bytes.
      if (segment.file_size == 0) continue;
      TRY(CheckPlace(segment, source.size()));
      if (segment_type == kSegmentLoad) {
        TRY(CheckMemory(segment));
        file.loads_.push_back(segment);
      } else {
        file.notes_.push_back(segment);
      }
    }
  }
  return file;
}

}  // namespace crashdump
