// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/page_reader.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>

namespace crashdump {

PageReader::Mapping& PageReader::Mapping::operator=(Mapping&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

PageReader::Mapping::~Mapping() {
  if (memory_ != nullptr) (void)munmap(memory_, bytes_);
}

Result<PageReader> PageReader::Create(const Vmcore& vmcore, const PhysicalMemory& memory, PageReaderOptions options) {
  if (options.map_bytes < vmcore.page_size() || options.read_bytes < vmcore.page_size()) {
    return Error::Format(ErrorCode::kInvalidArgument,
                         "windows of %" PRIu64 " and %" PRIu64 " bytes for pages of %" PRIu64 " bytes",
                         options.map_bytes, options.read_bytes, vmcore.page_size());
  }
  return PageReader(vmcore, memory, options);
}

PageReader::PageReader(const Vmcore& vmcore, const PhysicalMemory& memory, const PageReaderOptions& options)
    : vmcore_(&vmcore),
      memory_(&memory),
      map_fd_(options.map_fd ? options.map_fd : vmcore.mappable_fd()),
      map_alignment_(static_cast<uint64_t>(sysconf(_SC_PAGESIZE))),
      map_pages_(options.map_bytes / vmcore.page_size()),
      buffer_pages_(options.read_bytes / vmcore.page_size()),
      buffer_(static_cast<size_t>(buffer_pages_ * vmcore.page_size())),
      unreadable_(static_cast<size_t>(buffer_pages_)) {}

PageSpan PageReader::Read(Range pfns) {
  if (!window_.Contains(pfns.begin)) {
    window_ = {};
    const PageExtent* const extent = memory_->Find(pfns.begin);
    if (extent == nullptr) {
      // Up to the next page that is there.
      const std::vector<Range>& ranges = memory_->ranges();
      const auto next = std::upper_bound(ranges.begin(), ranges.end(), pfns.begin,
                                         [](uint64_t pfn, const Range& range) { return pfn < range.begin; });
      const uint64_t end = next == ranges.end() ? pfns.end : std::min(pfns.end, next->begin);
      return {.pfns = {pfns.begin, end}, .state = PageSpan::State::kAbsent, .data = {}};
    }
    if (extent->kind == PageExtent::Kind::kPieces) {
      ReadPieces(pfns.begin);
    } else if (!MapWindow(*extent, pfns.begin)) {
      ReadWindow(*extent, pfns);
    }
  }
  return FromWindow(pfns);
}

bool PageReader::MapWindow(const PageExtent& extent, uint64_t pfn) {
  if (!map_fd_) return false;
  const uint64_t page_size = vmcore_->page_size();
  const uint64_t page_offset = extent.file_offset + (pfn - extent.pfns.begin) * page_size;
  // A file can be mapped from this machine's own pages on, which may be larger than the crashed one's.
  const uint64_t offset = AlignDown(page_offset, map_alignment_);
  const uint64_t lead = page_offset - offset;
  const Range window = {pfn, pfn + std::min(map_pages_, extent.pfns.end - pfn)};
  const size_t bytes = static_cast<size_t>(lead + window.size() * page_size);
  mapping_ = Mapping();  // two windows at once would only cost page tables
  void* const memory = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, *map_fd_, static_cast<off_t>(offset));
  if (memory == MAP_FAILED) return false;
  mapping_ = Mapping(memory, bytes);
  ++mapped_windows_;
  window_ = window;
  window_data_ = mapping_.data() + lead;
  std::fill(unreadable_.begin(), unreadable_.end(), false);
  return true;
}

bool PageReader::ReadFile(uint64_t offset, MutableBytes out) {
  const Result<> read = vmcore_->source().ReadAt(offset, out);
  if (!read.ok()) last_error_ = read.error();
  return read.ok();
}

void PageReader::ReadWindow(const PageExtent& extent, Range pfns) {
  const uint64_t page_size = vmcore_->page_size();
  const uint64_t count = std::min({buffer_pages_, pfns.size(), extent.pfns.end - pfns.begin});
  const uint64_t offset = extent.file_offset + (pfns.begin - extent.pfns.begin) * page_size;
  window_ = {pfns.begin, pfns.begin + count};
  window_data_ = buffer_.data();
  std::fill(unreadable_.begin(), unreadable_.end(), false);
  if (ReadFile(offset, MutableBytes(buffer_).first(static_cast<size_t>(count * page_size)))) return;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t at = i * page_size;
    const MutableBytes page = MutableBytes(buffer_).subspan(static_cast<size_t>(at), static_cast<size_t>(page_size));
    unreadable_[static_cast<size_t>(i)] = !ReadFile(offset + at, page);
  }
}

void PageReader::ReadPieces(uint64_t pfn) {
  const uint64_t page_size = vmcore_->page_size();
  const uint64_t begin = pfn * page_size;
  // The last page of the address space has no end that fits; its last byte is in no segment.
  const Range wanted = {begin, CheckedAdd(begin, page_size).value_or(UINT64_MAX)};
  const MutableBytes page = MutableBytes(buffer_).first(static_cast<size_t>(page_size));
  std::fill(page.begin(), page.end(), uint8_t{0});
  window_ = {pfn, pfn + 1};
  window_data_ = buffer_.data();
  unreadable_[0] = false;
  for (const ElfSegment& load : vmcore_->loads()) {
    const Range bytes = {std::max(wanted.begin, load.physical().begin), std::min(wanted.end, load.physical().end)};
    if (bytes.begin >= bytes.end) continue;
    const uint64_t offset = load.file_offset + (bytes.begin - load.physical_address);
    const MutableBytes piece =
        page.subspan(static_cast<size_t>(bytes.begin - wanted.begin), static_cast<size_t>(bytes.size()));
    if (!ReadFile(offset, piece)) unreadable_[0] = true;
  }
}

PageSpan PageReader::FromWindow(Range pfns) const {
  const uint64_t page_size = vmcore_->page_size();
  const uint64_t end = std::min(pfns.end, window_.end);
  if (window_data_ != buffer_.data()) {
    const size_t at = static_cast<size_t>((pfns.begin - window_.begin) * page_size);
    return {.pfns = {pfns.begin, end},
            .state = PageSpan::State::kData,
            .data = {window_data_ + at, static_cast<size_t>((end - pfns.begin) * page_size)}};
  }
  const bool bad = unreadable_[static_cast<size_t>(pfns.begin - window_.begin)];
  uint64_t same = pfns.begin + 1;
  while (same < end && unreadable_[static_cast<size_t>(same - window_.begin)] == bad) ++same;
  if (bad) return {.pfns = {pfns.begin, same}, .state = PageSpan::State::kUnreadable, .data = {}};
  const size_t at = static_cast<size_t>((pfns.begin - window_.begin) * page_size);
  return {.pfns = {pfns.begin, same},
          .state = PageSpan::State::kData,
          .data = {buffer_.data() + at, static_cast<size_t>((same - pfns.begin) * page_size)}};
}

}  // namespace crashdump
