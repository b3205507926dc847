// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/elf_exporter.h"

#include <algorithm>
#include <cinttypes>

#include "common/vmcore/elf_layout.h"
#include "recover/page_pipeline.h"
#include "recover/sequential_writer.h"

namespace crashdump {
namespace {

// No crashed machine comes near; facts that someone made up could.
constexpr uint64_t kMaxSegments = 1U << 22;

constexpr uint32_t kSegmentReadWriteExecute = 7;  // as /proc/vmcore has it
constexpr uint32_t kElfVersion = 1;

bool Fits32(uint64_t value) { return value <= UINT32_MAX; }

}  // namespace

Result<ElfExporter> ElfExporter::Create(const DumpImage& image, unsigned threads) {
  ElfExporter exporter(image, threads);
  exporter.AddPagesWithoutLoad();
  TRY(exporter.LayOut(), "the dump as ELF");
  return exporter;
}

// Pages that no known PT_LOAD of the original holds get one without a virtual address, as in files from QEMU.
void ElfExporter::AddPagesWithoutLoad() {
  // In pages: of a page of which an original PT_LOAD held a part, nobody ever had the rest.
  std::vector<Range> covered;
  covered.reserve(loads_.size());
  for (const DumpImage::Load& load : loads_) {
    covered.push_back({load.physical.begin / page_bytes_, (load.physical.end - 1) / page_bytes_ + 1});
  }
  std::sort(covered.begin(), covered.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
  const auto add = [this](const Range& pfns) {
    loads_.push_back({.physical = {pfns.begin * page_bytes_, pfns.end * page_bytes_}, .virtual_address = 0});
  };
  size_t next = 0;
  uint64_t covered_end = 0;  // everything below that can be covered has been looked at
  for (const DumpImage::Run& run : image_->runs()) {
    uint64_t begin = run.pfns.begin;
    while (begin < run.pfns.end) {
      while (next < covered.size() && covered[next].begin <= begin) {
        covered_end = std::max(covered_end, covered[next++].end);
      }
      if (covered_end > begin) {
        begin = covered_end;
        continue;
      }
      const uint64_t end = next < covered.size() ? std::min(covered[next].begin, run.pfns.end) : run.pfns.end;
      add({begin, end});
      begin = end;
    }
  }
}

Result<> ElfExporter::LayOut() {
  ForEachSegment([this](const Segment&) { return ++segment_count_ <= kMaxSegments; });
  if (segment_count_ > kMaxSegments) {
    return Error::Format(ErrorCode::kUnsupported, "more than %" PRIu64 " pieces of memory", kMaxSegments);
  }
  const auto place = [this] {
    const ElfLayout& elf = ElfLayoutOf(word_);
    const uint64_t headers =
        elf.header_bytes + (segment_count_ + 1) * elf.program_header_bytes + elf.section_header_bytes;
    notes_offset_ = AlignUp(headers, 8);
    data_offset_ = AlignUp(notes_offset_ + image_->notes().size(), page_bytes_);
    file_bytes_ = data_offset_ + image_->page_count() * page_bytes_;
  };
  const std::vector<DumpImage::Run>& runs = image_->runs();
  place();
  // As kexec-tools does for PAE: 64-bit headers about a 32-bit machine.
  if (word_ == WordSize::k32 &&
      (!Fits32(file_bytes_) || (!runs.empty() && !Fits32(runs.back().pfns.end * page_bytes_)))) {
    word_ = WordSize::k64;
    place();
  }
  if (file_bytes_ > INT64_MAX) {
    return Error::Format(ErrorCode::kUnsupported, "%" PRIu64 " pages are more than a file can hold",
                         image_->page_count());
  }
  return {};
}

uint64_t ElfExporter::ExpectedBytes() const { return data_offset_ + image_->verdict().data_pages * page_bytes_; }

// Of a part of an original PT_LOAD that begins at `physical`.
uint64_t ElfExporter::VirtualAddress(const DumpImage::Load& load, uint64_t physical) const {
  // Files from QEMU know no virtual addresses.
  if (load.virtual_address == 0) return 0;
  // i386 has memory without any: all ones, of as many bits as the headers have.
  const uint64_t none = image_->elf_word() == WordSize::k64 ? UINT64_MAX : UINT32_MAX;
  if (load.virtual_address == none) return word_ == WordSize::k64 ? UINT64_MAX : UINT32_MAX;
  return load.virtual_address + (physical - load.physical.begin);
}

void ElfExporter::ForEachSegment(const std::function<bool(const Segment&)>& use) const {
  const std::vector<DumpImage::Run>& runs = image_->runs();
  for (const DumpImage::Load& load : loads_) {
    auto run = std::partition_point(runs.begin(), runs.end(), [&](const DumpImage::Run& candidate) {
      return candidate.pfns.end * page_bytes_ <= load.physical.begin;
    });
    for (; run != runs.end() && run->pfns.begin * page_bytes_ < load.physical.end; ++run) {
      const uint64_t run_begin = run->pfns.begin * page_bytes_;
      const Range physical = {std::max(run_begin, load.physical.begin),
                              std::min(run->pfns.end * page_bytes_, load.physical.end)};
      const Segment segment = {.physical = physical,
                               .virtual_address = VirtualAddress(load, physical.begin),
                               .file_offset = data_offset_ + run->rank * page_bytes_ + (physical.begin - run_begin)};
      if (!use(segment)) return;
    }
  }
}

Result<> ElfExporter::WriteHeaders(ByteSink& sink) const {
  const ElfLayout& elf = ElfLayoutOf(word_);
  const ByteOrder order = image_->format().order;
  SequentialWriter stream(sink, 0);

  const uint64_t count = segment_count_ + 1;
  const bool count_elsewhere = count >= kElfCountInSection0;
  const MutableBytes header = TRY(stream.Next(elf.header_bytes));
  memcpy(header.data(), kElfMagic, sizeof(kElfMagic));
  header[kElfIdentClass] = word_ == WordSize::k64 ? kElfClass64 : kElfClass32;
  header[kElfIdentData] = order == ByteOrder::kLittle ? kElfDataLittle : kElfDataBig;
  header[kElfIdentVersion] = kElfVersion;
  elf.type.Store(header, kElfTypeCore, order);
  elf.machine.Store(header, image_->elf_machine(), order);
  elf.version.Store(header, kElfVersion, order);
  elf.program_offset.Store(header, elf.header_bytes, order);
  elf.header_size.Store(header, elf.header_bytes, order);
  elf.program_entry_bytes.Store(header, elf.program_header_bytes, order);
  elf.program_count.Store(header, count_elsewhere ? kElfCountInSection0 : count, order);
  if (count_elsewhere) {
    elf.section_offset.Store(header, elf.header_bytes + count * elf.program_header_bytes, order);
    elf.section_entry_bytes.Store(header, elf.section_header_bytes, order);
    elf.section_count.Store(header, 1, order);
  }

  const auto store = [&](MutableBytes out, uint32_t type, const Segment& segment) {
    elf.segment_type.Store(out, type, order);
    elf.segment_flags.Store(out, type == kSegmentLoad ? kSegmentReadWriteExecute : 0, order);
    elf.file_offset.Store(out, segment.file_offset, order);
    elf.virtual_address.Store(out, segment.virtual_address, order);
    elf.physical_address.Store(out, segment.physical.begin, order);
    elf.file_size.Store(out, segment.physical.size(), order);
    elf.memory_size.Store(out, segment.physical.size(), order);
  };
  const MutableBytes notes = TRY(stream.Next(elf.program_header_bytes));
  store(notes, kSegmentNote,
        {.physical = {0, image_->notes().size()}, .virtual_address = 0, .file_offset = notes_offset_});
  Result<> written;
  ForEachSegment([&](const Segment& segment) {
    const Result<MutableBytes> out = stream.Next(elf.program_header_bytes);
    if (!out.ok()) {
      written = out.error();
      return false;
    }
    store(out.value(), kSegmentLoad, segment);
    return true;
  });
  TRY(written);
  const MutableBytes section = TRY(stream.Next(elf.section_header_bytes));
  if (count_elsewhere) elf.section_info.Store(section, count, order);
  TRY(stream.PadTo(notes_offset_));
  TRY(stream.Append(BytesOf(std::string_view(image_->notes()))));
  return stream.Flush();
}

Result<uint64_t> ElfExporter::Write(ByteSink& sink, const ExportProgress& progress) const {
  TRY(WriteHeaders(sink), "ELF headers");
  // Zero pages, also those that a dump of level 0 holds as data, become holes.
  const auto write = [&](const PageBatch& batch) -> Result<> {
    const uint64_t offset = data_offset_ + batch.first_rank * page_bytes_;
    Bytes data = batch.data;
    for (size_t page = 0; page < batch.pages.size();) {
      size_t end = page;
      while (end < batch.pages.size() && batch.pages[end].storage == PageStorage::kRaw) ++end;
      const auto bytes = static_cast<size_t>((end - page) * page_bytes_);
      if (bytes != 0) TRY(sink.WriteAt(offset + page * page_bytes_, data.first(bytes)));
      data = data.subspan(bytes);
      page = end + 1;
    }
    return {};
  };
  TRY(WritePages(*image_, {.compression = PageCompression::kNone, .threads = threads_}, write, progress));
  return file_bytes_;
}

}  // namespace crashdump
