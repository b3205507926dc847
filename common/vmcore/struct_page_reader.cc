// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/struct_page_reader.h"

#include <algorithm>
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
  if (!part.address) return {.pfns = {pfn, part.pfns.end}, .pages = {}, .is_unreadable = part.is_unreadable};
  const uint64_t end = std::min(part.pfns.end, AlignDown(pfn, kWindowPages) + kWindowPages);
  const uint64_t address = *part.address + (pfn - part.pfns.begin) * struct_bytes_;
  const uint64_t read_bytes = ReadBuffer(address, (end - pfn) * struct_bytes_);
  if (const uint64_t count = read_bytes / struct_bytes_; count > 0) {
    return {.pfns = {pfn, pfn + count}, .pages = Bytes(buffer_).first(static_cast<size_t>(count * struct_bytes_))};
  }
  // Nothing of the page that could not be read is worth another try: on to the first struct page behind it.
  const uint64_t page_bytes = kernel_->vmcore().page_size();
  const uint64_t lost_bytes = AlignDown(address + read_bytes, page_bytes) + page_bytes - address;
  const uint64_t lost = (lost_bytes + struct_bytes_ - 1) / struct_bytes_;
  return {.pfns = {pfn, std::min(end, pfn + lost)}, .pages = {}, .is_unreadable = true};
}

uint64_t StructPageReader::ReadBuffer(uint64_t address, uint64_t bytes) {
  uint64_t done = 0;
  while (done < bytes) {
    if (!translated_.Contains(address + done)) {
      const Result<PhysicalSpan> span = kernel_->Translate(address + done);
      if (!span.ok()) break;
      translated_ = {address + done, address + done + span.value().bytes};
      translated_to_ = span.value().address;
    }
    const uint64_t wanted = std::min(bytes - done, translated_.end - (address + done));
    const uint64_t count =
        ReadPhysical(translated_to_ + (address + done - translated_.begin),
                     MutableBytes(buffer_).subspan(static_cast<size_t>(done), static_cast<size_t>(wanted)));
    done += count;
    if (count < wanted) break;
  }
  return done;
}

uint64_t StructPageReader::ReadPhysical(uint64_t physical, MutableBytes out) {
  const uint64_t page_size = kernel_->vmcore().page_size();
  uint64_t done = 0;
  while (done < out.size()) {
    const uint64_t begin = physical + done;
    const PageSpan span = reader_.Read({begin / page_size, (physical + out.size() - 1) / page_size + 1});
    if (span.state != PageSpan::State::kData) break;
    const uint64_t offset = begin % page_size;
    const uint64_t count = std::min<uint64_t>(out.size() - done, span.data.size() - offset);
    memcpy(out.data() + done, span.data.data() + offset, static_cast<size_t>(count));
    done += count;
  }
  return done;
}

}  // namespace crashdump
