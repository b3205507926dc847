// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/struct_page_reader.h"

#include <algorithm>
#include <cinttypes>
#include <cstring>

namespace crashdump {

Result<StructPageReader> StructPageReader::Create(const KernelMemory& kernel, const PhysicalMemory& physical,
                                                  MemoryMap map, uint32_t struct_bytes) {
  const uint64_t window_bytes = AlignUp(kWindowPages * struct_bytes, kernel.vmcore().page_size());
  PageReader reader =
      TRY(PageReader::Create(kernel.vmcore(), physical, {.map_bytes = 2 * kMiB, .read_bytes = window_bytes}));
  return StructPageReader(kernel, std::move(map), std::move(reader), struct_bytes);
}

StructPageReader::StructPageReader(const KernelMemory& kernel, MemoryMap map, PageReader reader, uint32_t struct_bytes)
    : kernel_(&kernel),
      map_(std::move(map)),
      reader_(std::move(reader)),
      struct_bytes_(struct_bytes),
      buffer_(static_cast<size_t>(kWindowPages * struct_bytes)) {}

StructPageReader::Window StructPageReader::Read(uint64_t pfn) {
  const MemoryMapPart part = map_.Find(pfn);
  if (!part.address) return {.pfns = part.pfns, .pages = {}};
  const uint64_t aligned = AlignDown(pfn, kWindowPages);
  const Range window = {std::max(part.pfns.begin, aligned), std::min(part.pfns.end, aligned + kWindowPages)};
  const uint64_t address = *part.address + (window.begin - part.pfns.begin) * struct_bytes_;
  const uint64_t readable = ReadBuffer(address, window.size() * struct_bytes_) / struct_bytes_;
  if (window.begin + readable > pfn) {
    return {.pfns = {window.begin, window.begin + readable},
            .pages = Bytes(buffer_).first(static_cast<size_t>(readable * struct_bytes_))};
  }
  // This one cannot be read. The next ones may be on another page.
  const uint64_t own = ReadBuffer(address + (pfn - window.begin) * struct_bytes_, struct_bytes_);
  if (own < struct_bytes_) return {.pfns = {pfn, pfn + 1}, .pages = {}};
  return {.pfns = {pfn, pfn + 1}, .pages = Bytes(buffer_).first(struct_bytes_)};
}

uint64_t StructPageReader::ReadBuffer(uint64_t address, uint64_t bytes) {
  uint64_t done = 0;
  while (done < bytes) {
    const Result<PhysicalSpan> span = kernel_->Translate(address + done);
    if (!span.ok()) return done;
    // A page at a time where the translation is as short as that; else all of it.
    const uint64_t count = std::min(bytes - done, span.value().bytes);
    const MutableBytes out = MutableBytes(buffer_).subspan(static_cast<size_t>(done), static_cast<size_t>(count));
    if (!ReadPhysical(span.value().address, out).ok()) return done;
    done += count;
  }
  return done;
}

Result<> StructPageReader::ReadPhysical(uint64_t physical, MutableBytes out) {
  const uint64_t page_size = kernel_->vmcore().page_size();
  while (!out.empty()) {
    const uint64_t pfn = physical / page_size;
    const uint64_t offset = physical % page_size;
    const uint64_t last = (physical + out.size() - 1) / page_size;
    const PageSpan span = reader_.Read({pfn, last + 1});
    if (span.state != PageSpan::State::kData) {
      return Error::Format(ErrorCode::kNotFound, "page frame 0x%" PRIx64 " is not there", pfn);
    }
    const uint64_t count = std::min<uint64_t>(out.size(), span.data.size() - offset);
    memcpy(out.data(), span.data.data() + offset, static_cast<size_t>(count));
    physical += count;
    out = out.subspan(static_cast<size_t>(count));
  }
  return {};
}

}  // namespace crashdump
