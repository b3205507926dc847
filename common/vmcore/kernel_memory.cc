// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/kernel_memory.h"

#include <algorithm>
#include <array>
#include <cinttypes>

#include "common/vmcore/elf_layout.h"

namespace crashdump {
namespace {

// Above it in the address space are modules, mapped page by page. Linux arch/x86/include/asm/page_64_types.h: 1 GiB
// with CONFIG_RANDOMIZE_BASE, which NUMBER(KERNEL_IMAGE_SIZE) says, else 512 MiB.
constexpr uint64_t kDefaultImageBytes = 512 * kMiB;
constexpr uint64_t kMaxImageBytes = kGiB;

}  // namespace

Result<KernelMemory> KernelMemory::Open(const Vmcore& vmcore) {
  const Vmcoreinfo* const vmcoreinfo = TRY(vmcore.RequireVmcoreinfo());
  KernelMemory memory(vmcore, *vmcoreinfo);
  const uint64_t no_address = vmcore.format().word_mask();
  for (const ElfSegment& load : vmcore.loads()) {
    const std::optional<uint64_t> end = CheckedAdd(load.virtual_address, load.file_size);
    // kexec-tools writes all ones for i386's high memory, which has no address.
    if (load.virtual_address == 0 || load.virtual_address == no_address || !end) continue;
    memory.mappings_.push_back({{load.virtual_address, *end}, load.physical_address});
  }
  if (vmcore.machine() == kElfMachineX86_64) {
    const Result<int64_t> phys_base = vmcoreinfo->Number("phys_base");
    if (phys_base.ok()) {
      uint64_t bytes = kDefaultImageBytes;
      TRY(vmcoreinfo->Fill({{VmcoreinfoKind::kNumber, "KERNEL_IMAGE_SIZE", &bytes, VmcoreinfoField::Presence::kOptional,
                             kMaxImageBytes}}));
      memory.mappings_.push_back(
          {{kX86_64KernelImageBase, kX86_64KernelImageBase + bytes}, static_cast<uint64_t>(phys_base.value())});
    }
    Result<X86_64PageTables> tables = X86_64PageTables::Open(vmcore, *vmcoreinfo);
    if (tables.ok()) {
      memory.page_tables_ = tables.TakeValue();
    } else {
      memory.no_page_tables_ = tables.error();
    }
  } else {
    memory.no_page_tables_ =
        Error::Format(ErrorCode::kUnsupported, "page tables of %s are not supported", vmcore.machine_name());
  }
  return memory;
}

Result<PhysicalSpan> KernelMemory::Translate(uint64_t virtual_address) const {
  for (const LinearMapping& mapping : mappings_) {
    if (mapping.virtual_range.Contains(virtual_address)) {
      return PhysicalSpan{.address = mapping.physical + (virtual_address - mapping.virtual_range.begin),
                          .bytes = mapping.virtual_range.end - virtual_address};
    }
  }
  if (page_tables_) return TRY(page_tables_->Translate(virtual_address), "address 0x%" PRIx64, virtual_address);
  return Error::Format(ErrorCode::kNotFound, "address 0x%" PRIx64 ": not in a PT_LOAD with addresses%s, and: %s",
                       virtual_address, vmcore_->machine() == kElfMachineX86_64 ? " nor in the kernel's image" : "",
                       no_page_tables_->text());
}

Result<> KernelMemory::Read(uint64_t virtual_address, MutableBytes out) const {
  if (!CheckedAdd(virtual_address, out.size())) {
    return Error::Format(ErrorCode::kNotFound, "address 0x%" PRIx64 ": %zu bytes from there on", virtual_address,
                         out.size());
  }
  while (!out.empty()) {
    const PhysicalSpan span = TRY(Translate(virtual_address));
    const auto count = static_cast<size_t>(std::min<uint64_t>(out.size(), span.bytes));
    TRY(vmcore_->ReadPhysical(span.address, out.first(count)), "address 0x%" PRIx64, virtual_address);
    virtual_address += count;
    out = out.subspan(count);
  }
  return {};
}

Result<uint64_t> KernelMemory::ReadInteger(uint64_t virtual_address, uint32_t size) const {
  std::array<uint8_t, 8> buffer;
  Require(size >= 1 && size <= buffer.size());
  const MutableBytes bytes = MutableBytes(buffer).first(size);
  TRY(Read(virtual_address, bytes));
  return LoadInteger(bytes, format().order);
}

CachedKernelReader::CachedKernelReader(const KernelMemory& memory)
    : memory_(&memory), page_(static_cast<size_t>(memory.vmcore().page_size())) {}

Result<> CachedKernelReader::Read(uint64_t virtual_address, MutableBytes out) {
  while (!out.empty()) {
    const uint64_t page = AlignDown(virtual_address, page_.size());
    const auto offset = static_cast<size_t>(virtual_address - page);
    const size_t count = std::min(out.size(), page_.size() - offset);
    if (cached_ != page) {
      cached_.reset();
      if (memory_->Read(page, page_).ok()) cached_ = page;
    }
    if (cached_) {
      memcpy(out.data(), page_.data() + offset, count);
    } else {
      // Of the last page of a segment, a part may be there.
      TRY(memory_->Read(virtual_address, out.first(count)));
    }
    virtual_address += count;
    out = out.subspan(count);
  }
  return {};
}

Result<uint64_t> CachedKernelReader::ReadInteger(uint64_t virtual_address, uint32_t size) {
  std::array<uint8_t, 8> buffer;
  Require(size >= 1 && size <= buffer.size());
  const MutableBytes bytes = MutableBytes(buffer).first(size);
  TRY(Read(virtual_address, bytes));
  return LoadInteger(bytes, memory_->format().order);
}

}  // namespace crashdump
