// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/vmcore.h"

#include <sys/vfs.h>

#include <algorithm>
#include <cinttypes>

#include "common/vmcore/elf_notes.h"

namespace crashdump {
namespace {

// f_type of procfs; Linux include/uapi/linux/magic.h.
constexpr auto kProcMagic = 0x9fa0;

}  // namespace

Vmcore::Vmcore(std::unique_ptr<const ByteSource> source, ElfFile elf)
    : source_(std::move(source)),
      elf_(std::move(elf)),
      known_machine_(FindTargetMachine(elf_.machine(), elf_.format().order)),
      format_(known_machine_ == nullptr ? elf_.format() : known_machine_->format) {}

Result<Vmcore> Vmcore::Open(const char* path) {
  auto file = std::make_unique<FileSource>(TRY(FileSource::Open(path)));
  const int fd = file->fd();
  Vmcore vmcore = TRY(Open(std::unique_ptr<const ByteSource>(std::move(file))));
  struct statfs filesystem {};
  if (fstatfs(fd, &filesystem) == 0 && filesystem.f_type == kProcMagic) vmcore.mappable_fd_ = fd;
  return vmcore;
}

Result<Vmcore> Vmcore::Open(std::unique_ptr<const ByteSource> source) {
  ElfFile elf = TRY(ElfFile::Read(*source));
  Vmcore vmcore(std::move(source), std::move(elf));
  vmcore.ReadNotes();
  TRY(vmcore.SettlePageSize());
  return vmcore;
}

void Vmcore::ReadNotes() {
  for (const ElfSegment& segment : elf_.notes()) {
    if (segment.file_size > kMaxNotesBytes - notes_.size()) {
      warnings_.push_back("notes of " + std::to_string(segment.file_size) + " bytes are too many, left out");
      continue;
    }
    const size_t begin = notes_.size();
    notes_.resize(begin + static_cast<size_t>(segment.file_size));
    const MutableBytes bytes = MutableBytes(notes_).subspan(begin);
    const Result<> read = source_->ReadAt(segment.file_offset, bytes);
    if (!read.ok()) {
      warnings_.push_back(std::string("notes cannot be read: ") + read.error().text());
      notes_.resize(begin);
      continue;
    }
    ElfNoteReader reader(bytes, format().order);
    while (true) {
      const Result<std::optional<ElfNote>> note = reader.Next();
      if (!note.ok()) {
        warnings_.emplace_back(note.error().text());
        break;
      }
      if (!note.value()) break;
      if (note.value()->name == kNoteNameCore && note.value()->type == kNoteTypePrstatus) ++cpu_count_;
      if (note.value()->name == kNoteNameVmcoreinfo && !vmcoreinfo_) vmcoreinfo_.emplace(note.value()->descriptor);
    }
  }
  if (!vmcoreinfo_) warnings_.emplace_back(NoVmcoreinfo().text());
}

Error Vmcore::NoVmcoreinfo() {
  return Error::Format(
      ErrorCode::kNotFound,
      "no VMCOREINFO note: a virtual machine needs the vmcoreinfo device and its guest the qemu_fw_cfg "
      "driver");
}

Result<> Vmcore::SettlePageSize() {
  const uint64_t fixed = known_machine_ == nullptr ? 0 : known_machine_->page_size;
  Result<uint64_t> stated = Error(NoVmcoreinfo());
  if (vmcoreinfo_) stated = vmcoreinfo_->PageSize();
  if (fixed != 0) {
    if (vmcoreinfo_ && !stated.ok()) warnings_.emplace_back(stated.error().text());
    if (stated.ok() && stated.value() != fixed) {
      warnings_.push_back("VMCOREINFO: PAGESIZE is " + std::to_string(stated.value()) + ", of this machine it is " +
                          std::to_string(fixed));
    }
    page_size_ = fixed;
    return {};
  }
  page_size_ = TRY(stated, "the page size is not known");
  return {};
}

const char* Vmcore::machine_name() const { return known_machine_ == nullptr ? "unknown" : known_machine_->name; }

Result<const Vmcoreinfo*> Vmcore::RequireVmcoreinfo() const {
  if (!vmcoreinfo_) return NoVmcoreinfo();
  return &*vmcoreinfo_;
}

Result<> Vmcore::ReadPhysical(uint64_t physical, MutableBytes out) const {
  while (!out.empty()) {
    const auto segment = std::find_if(loads().begin(), loads().end(),
                                      [&](const ElfSegment& load) { return load.physical().Contains(physical); });
    if (segment == loads().end()) {
      return Error::Format(ErrorCode::kNotFound, "physical address 0x%" PRIx64 " is not in this vmcore", physical);
    }
    const auto count = static_cast<size_t>(std::min<uint64_t>(out.size(), segment->physical().end - physical));
    const uint64_t offset = segment->file_offset + (physical - segment->physical_address);
    TRY(source_->ReadAt(offset, out.first(count)), "physical address 0x%" PRIx64, physical);
    physical += count;
    out = out.subspan(count);
  }
  return {};
}

}  // namespace crashdump
