// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/kernel_memory.h"

#include <algorithm>
#include <array>
#include <cinttypes>

namespace crashdump {

Result<KernelMemory> KernelMemory::Open(const Vmcore& vmcore) {
  const Vmcoreinfo* const vmcoreinfo = TRY(vmcore.RequireVmcoreinfo());
  return KernelMemory(vmcore, *vmcoreinfo);
}

Result<PhysicalSpan> KernelMemory::Translate(uint64_t virtual_address) const {
  if (const LinearMapping* const mapping = mappings_.Find(virtual_address)) return mapping->Translate(virtual_address);
  if (mappings_.translation) {
    return TRY(mappings_.translation->Translate(virtual_address), "address 0x%" PRIx64, virtual_address);
  }
  return Error::Format(ErrorCode::kNotFound, "address 0x%" PRIx64 ": not mapped linearly, and: %s", virtual_address,
                       mappings_.no_translation->text());
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
