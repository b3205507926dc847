// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/vmcore_builder.h"

#include <algorithm>
#include <cerrno>

#include "common/vmcore/elf_notes.h"

namespace crashdump::testing {
namespace {

constexpr uint64_t kDataAlignment = 4096;

// sizeof(struct elf_prstatus). Nobody looks into it.
size_t PrstatusBytes(uint16_t machine) {
  switch (machine) {
    case kElfMachine386:
      return 144;
    case kElfMachinePpc:
      return 268;
    case kElfMachinePpc64:
      return 504;
    default:
      return 336;  // x86_64
  }
}

void Append(std::vector<uint8_t>& out, Bytes bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

void AppendPadded(std::vector<uint8_t>& out, Bytes bytes) {
  Append(out, bytes);
  out.resize(AlignUp(out.size(), 4));
}

}  // namespace

Result<> OwnedSource::ReadAt(uint64_t offset, MutableBytes out) const {
  TRY(MemorySource(bytes_).ReadAt(offset, out));
  const Range wanted = {offset, offset + out.size()};
  for (const Range& bad : bad_) {
    if (bad.Overlaps(wanted)) return Error::Os(EIO, "read of %zu bytes", out.size());
  }
  return {};
}

VmcoreBuilder::VmcoreBuilder() { Info("OSRELEASE", "6.1.0-test").Info("PAGESIZE", "4096"); }

VmcoreBuilder& VmcoreBuilder::Format(TargetFormat format, uint16_t machine) {
  format_ = format;
  machine_ = machine;
  return *this;
}

VmcoreBuilder& VmcoreBuilder::HeaderStyle(Headers headers) {
  headers_ = headers;
  return *this;
}

VmcoreBuilder& VmcoreBuilder::AddLoad(Load load) {
  loads_.push_back(std::move(load));
  return *this;
}

VmcoreBuilder& VmcoreBuilder::AddNote(std::string_view name, uint32_t type, Bytes descriptor) {
  notes_.push_back({std::string(name), type, {descriptor.begin(), descriptor.end()}});
  return *this;
}

VmcoreBuilder& VmcoreBuilder::AddCpu() {
  return AddNote(kNoteNameCore, kNoteTypePrstatus, std::vector<uint8_t>(PrstatusBytes(machine_), 0x52));
}

VmcoreBuilder& VmcoreBuilder::Info(std::string_view key, std::string_view value) {
  const auto line = std::find_if(info_.begin(), info_.end(), [&](const auto& entry) { return entry.first == key; });
  if (line != info_.end()) {
    line->second = value;
  } else {
    info_.emplace_back(key, value);
  }
  return *this;
}

VmcoreBuilder& VmcoreBuilder::RemoveInfo(std::string_view key) {
  std::erase_if(info_, [&](const auto& entry) { return entry.first == key; });
  return *this;
}

VmcoreBuilder& VmcoreBuilder::WithoutInfo() {
  with_info_ = false;
  return *this;
}

std::vector<uint8_t> VmcoreBuilder::BuildNotes() const {
  std::vector<Note> notes = notes_;
  if (with_info_) {
    std::string text;
    for (const auto& [key, value] : info_) text.append(key).append("=").append(value).append("\n");
    const Bytes bytes = BytesOf(text);
    notes.push_back({std::string(kNoteNameVmcoreinfo), 0, {bytes.begin(), bytes.end()}});
  }
  std::vector<uint8_t> out;
  for (const Note& note : notes) {
    uint8_t header[12];
    StoreInteger(MutableBytes(header).subspan(0, 4), note.name.size() + 1, format_.order);
    StoreInteger(MutableBytes(header).subspan(4, 4), note.descriptor.size(), format_.order);
    StoreInteger(MutableBytes(header).subspan(8, 4), note.type, format_.order);
    Append(out, header);
    AppendPadded(out, {reinterpret_cast<const uint8_t*>(note.name.c_str()), note.name.size() + 1});
    AppendPadded(out, note.descriptor);
  }
  return out;
}

std::vector<uint8_t> VmcoreBuilder::Build() const {
  const ElfLayout& layout = ElfLayoutOf(format_.word);
  const ByteOrder order = format_.order;
  const std::vector<uint8_t> notes = BuildNotes();
  const uint64_t count = loads_.size() + 1;
  const uint64_t section = layout.header_bytes;
  const uint64_t sections_end = headers_ == Headers::kKernel ? section : section + layout.section_header_bytes;
  // QEMU leaves room for a second section header, which it does not use.
  const uint64_t table = headers_ == Headers::kQemu ? sections_end + layout.section_header_bytes : sections_end;
  const uint64_t notes_at = table + count * layout.program_header_bytes;

  uint64_t file_bytes = notes_at + notes.size();
  for (const Load& load : loads_) file_bytes += load.data.size();
  std::vector<uint8_t> file;
  file.reserve(file_bytes);
  file.resize(notes_at);
  const MutableBytes header(file);
  memcpy(file.data(), kElfMagic, sizeof(kElfMagic));
  file[kElfIdentClass] = format_.word == WordSize::k64 ? kElfClass64 : kElfClass32;
  file[kElfIdentData] = order == ByteOrder::kBig ? kElfDataBig : kElfDataLittle;
  file[kElfIdentVersion] = 1;
  layout.type.Store(header, kElfTypeCore, order);
  layout.machine.Store(header, machine_, order);
  layout.version.Store(header, 1, order);
  layout.program_offset.Store(header, table, order);
  layout.header_size.Store(header, headers_ == Headers::kQemu ? 8 : layout.header_bytes, order);
  layout.program_entry_bytes.Store(header, layout.program_header_bytes, order);
  layout.program_count.Store(header, headers_ == Headers::kManySegments ? kElfCountInSection0 : count, order);
  if (headers_ != Headers::kKernel) {
    layout.section_offset.Store(header, section, order);
    layout.section_entry_bytes.Store(header, layout.section_header_bytes, order);
    layout.section_count.Store(header, 1, order);
    layout.section_info.Store(header.subspan(section), count, order);
  }

  const auto store_segment = [&](uint64_t index, uint32_t type, uint64_t offset, uint64_t file_size, const Load* load) {
    const MutableBytes entry = MutableBytes(file).subspan(table + index * layout.program_header_bytes);
    layout.segment_type.Store(entry, type, order);
    layout.file_offset.Store(entry, offset, order);
    layout.file_size.Store(entry, file_size, order);
    layout.memory_size.Store(entry, file_size + (load == nullptr ? 0 : load->extra_memory), order);
    if (load == nullptr) return;
    layout.virtual_address.Store(entry, load->virtual_address, order);
    layout.physical_address.Store(entry, load->physical, order);
  };
  Append(file, notes);
  store_segment(0, kSegmentNote, notes_at, notes.size(), nullptr);
  for (size_t i = 0; i < loads_.size(); ++i) {
    const Load& load = loads_[i];
    // As the kernel does: a segment's first page begins at a page of the file.
    file.resize(AlignUp(file.size(), kDataAlignment) + load.physical % kDataAlignment);
    const uint64_t offset = file.size();
    Append(file, load.data);
    store_segment(i + 1, kSegmentLoad, offset, load.data.size(), &load);
  }
  return file;
}

}  // namespace crashdump::testing
