// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/kdump_exporter.h"

#include <algorithm>
#include <cinttypes>
#include <cstring>

#include "common/vmcore/elf_layout.h"
#include "common/vmcore/elf_notes.h"
#include "common/vmcore/vmcoreinfo.h"
#include "common/vmcore/x86_64_mappings.h"
#include "recover/kdump_layout.h"
#include "recover/sequential_writer.h"

namespace crashdump {
namespace {

// 256 TiB with pages of 4 KiB, and then two bitmaps of 8 GiB.
constexpr uint64_t kMaxPfn = uint64_t{1} << 36;

constexpr std::string_view kUnknown = "unknown";

uint64_t DivideUp(uint64_t value, uint64_t divisor) { return (value + divisor - 1) / divisor; }

uint32_t CompressionFlag(PageCompression compression) {
  switch (compression) {
    case PageCompression::kZstd:
      return kKdumpZstd;
    case PageCompression::kZlib:
      return kKdumpZlib;
    case PageCompression::kNone:
      break;
  }
  return 0;
}

// The page frames that the original's PT_LOADs touch, and those in the dump.
std::vector<Range> FindRam(const DumpImage& image) {
  std::vector<Range> ranges;
  ranges.reserve(image.loads().size() + image.runs().size());
  for (const DumpImage::Load& load : image.loads()) {
    ranges.push_back({load.physical.begin / image.page_bytes(), (load.physical.end - 1) / image.page_bytes() + 1});
  }
  for (const DumpImage::Run& run : image.runs()) ranges.push_back(run.pfns);
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
  size_t last = 0;
  for (const Range& range : ranges) {
    if (range.begin <= ranges[last].end) {
      ranges[last].end = std::max(ranges[last].end, range.end);
    } else {
      ranges[++last] = range;
    }
  }
  if (!ranges.empty()) ranges.resize(last + 1);
  return ranges;
}

// Sets the bits of `bits` for the page frames of `range`, of which `bits` begins with `first`.
void SetBits(MutableBytes bits, uint64_t first, Range range) {
  uint64_t bit = std::max(range.begin, first) - first;
  const uint64_t end = std::min<uint64_t>(range.end - first, bits.size() * 8);
  while (bit < end) {
    if (bit % 8 == 0 && end - bit >= 8) {
      const uint64_t bytes = (end - bit) / 8;
      memset(&bits[static_cast<size_t>(bit / 8)], 0xff, static_cast<size_t>(bytes));
      bit += bytes * 8;
    } else {
      bits[static_cast<size_t>(bit / 8)] |= static_cast<uint8_t>(1U << (bit % 8));
      ++bit;
    }
  }
}

// A bitmap of `bytes`, a multiple of 4096, in which the page frames of ascending ranges are set. `range_of` gets the
// range from an element.
template <typename Ranges, typename RangeOf>
Result<> WriteBitmap(SequentialWriter& out, uint64_t bytes, const Ranges& ranges, const RangeOf& range_of) {
  constexpr size_t kPiece = 4096;
  auto range = ranges.begin();
  for (uint64_t written = 0; written < bytes; written += kPiece) {
    const MutableBytes piece = TRY(out.Next(kPiece));
    const Range pfns = {written * 8, (written + kPiece) * 8};
    while (range != ranges.end() && range_of(*range).begin < pfns.end) {
      SetBits(piece, pfns.begin, range_of(*range));
      if (range_of(*range).end > pfns.end) break;
      ++range;
    }
  }
  return {};
}

template <size_t kBytes>
void SetText(char (&field)[kBytes], std::string_view text) {
  memcpy(field, text.data(), std::min(text.size(), kBytes - 1));
}

// Where VMCOREINFO's text stands in the notes. Empty if they have none.
Range FindVmcoreinfo(const std::string& notes, ByteOrder order) {
  const Bytes bytes = BytesOf(std::string_view(notes));
  ElfNoteReader reader(bytes, order);
  while (true) {
    const Result<std::optional<ElfNote>> note = reader.Next();
    if (!note.ok() || !note.value()) return {};
    if (note.value()->name != kNoteNameVmcoreinfo) continue;
    const auto begin = static_cast<uint64_t>(note.value()->descriptor.data() - bytes.data());
    return {begin, begin + note.value()->descriptor.size()};
  }
}

}  // namespace

Result<KdumpExporter> KdumpExporter::Create(const DumpImage& image, const EncodeOptions& options) {
  KdumpExporter exporter(image, options);
  if (!exporter.Is64Bit() && image.elf_machine() != kElfMachine386) {
    return Error::Format(ErrorCode::kUnsupported,
                         "the kdump format of a 32-bit machine other than i386 (ELF machine %u) is not known: use elf",
                         unsigned{image.elf_machine()});
  }
  exporter.ram_ = FindRam(image);
  exporter.max_pfn_ = exporter.ram_.empty() ? 0 : exporter.ram_.back().end;
  if (exporter.max_pfn_ > kMaxPfn) {
    return Error::Format(ErrorCode::kUnsupported,
                         "memory up to page frame %#" PRIx64 " is too much for a kdump file's bitmaps: use elf",
                         exporter.max_pfn_ - 1);
  }
  exporter.LayOut();
  return exporter;
}

void KdumpExporter::LayOut() {
  const uint64_t block = image_->page_bytes();
  sub_header_bytes_ = Is64Bit() ? sizeof(KdumpSubHeader64) : sizeof(KdumpSubHeader32);
  sub_header_blocks_ = DivideUp(sub_header_bytes_ + image_->notes().size(), block);
  bitmap_blocks_ = DivideUp(DivideUp(max_pfn_, 8), block);
  pages_offset_ = (1 + sub_header_blocks_ + 2 * bitmap_blocks_) * block;
  data_offset_ = pages_offset_ + image_->page_count() * sizeof(KdumpPage);
}

uint64_t KdumpExporter::ExpectedBytes() const {
  // Pages compress a little better in the dump, which has many of them in a chunk.
  const uint64_t pages = options_.compression == PageCompression::kNone
                             ? image_->verdict().data_pages * image_->page_bytes()
                             : image_->stored_bytes();
  return data_offset_ + image_->page_bytes() + pages;
}

uint64_t KdumpExporter::PhysBase() const {
  if (image_->elf_machine() != kElfMachineX86_64) return 0;
  const Vmcoreinfo info(BytesOf(std::string_view(image_->sections().vmcoreinfo)));
  if (const Result<int64_t> number = info.Number("phys_base"); number.ok())
    return static_cast<uint64_t>(number.value());
  // Kernels before 4.10 do not tell; there the PT_LOAD of the kernel's image does.
  for (const DumpImage::Load& load : image_->loads()) {
    if (load.virtual_address >= kX86_64KernelImageBase && load.virtual_address != UINT64_MAX) {
      return load.physical.begin - (load.virtual_address - kX86_64KernelImageBase);
    }
  }
  return 0;
}

template <typename Header, typename SubHeader>
Result<> KdumpExporter::WriteHeaders(SequentialWriter& out) const {
  const ByteOrder order = image_->format().order;
  const uint64_t block = image_->page_bytes();
  const MutableBytes header_bytes = TRY(out.Next(sizeof(Header)));
  auto& header = *reinterpret_cast<Header*>(header_bytes.data());
  memcpy(header.signature, kKdumpSignature, sizeof(kKdumpSignature));
  header.version.Store(kKdumpVersion, order);
  SetText(header.names.system, "Linux");
  // libkdumpfile, and so drgn, knows the machine only if neither this, nor release, nor version is empty.
  SetText(header.names.node, "(none)");
  SetText(header.names.release, image_->release().empty() ? kUnknown : image_->release());
  SetText(header.names.version, kUnknown);
  SetText(header.names.machine, image_->machine_name().empty() ? kUnknown : image_->machine_name());
  header.seconds.Store(image_->reader().header().crash_time, order);
  const uint32_t incomplete = image_->verdict().state == DumpState::kComplete ? 0 : kKdumpIncomplete;
  header.status.Store(CompressionFlag(options_.compression) | incomplete, order);
  header.block_bytes.Store(block, order);
  header.sub_header_blocks.Store(sub_header_blocks_, order);
  header.bitmap_blocks.Store(2 * bitmap_blocks_, order);
  header.max_pfn.Store(std::min<uint64_t>(max_pfn_, UINT32_MAX), order);
  header.cpus.Store(image_->cpus(), order);

  TRY(out.PadTo(block));
  const MutableBytes sub_header_bytes = TRY(out.Next(sizeof(SubHeader)));
  auto& sub_header = *reinterpret_cast<SubHeader*>(sub_header_bytes.data());
  const std::string& notes = image_->notes();
  sub_header.phys_base.Store(PhysBase(), order);
  sub_header.dump_level.Store(image_->dump_level(), order);
  if (!notes.empty()) {
    sub_header.notes_offset.Store(out.position(), order);
    sub_header.notes_bytes.Store(notes.size(), order);
  }
  if (const Range vmcoreinfo = FindVmcoreinfo(notes, order); !vmcoreinfo.empty()) {
    sub_header.vmcoreinfo_offset.Store(out.position() + vmcoreinfo.begin, order);
    sub_header.vmcoreinfo_bytes.Store(vmcoreinfo.size(), order);
  }
  sub_header.max_pfn_64.Store(max_pfn_, order);
  TRY(out.Append(BytesOf(std::string_view(notes))));

  TRY(out.PadTo((1 + sub_header_blocks_) * block));
  TRY(WriteBitmap(out, bitmap_blocks_ * block, ram_, [](const Range& range) { return range; }));
  return WriteBitmap(out, bitmap_blocks_ * block, image_->runs(), [](const DumpImage::Run& run) { return run.pfns; });
}

Result<uint64_t> KdumpExporter::Write(ByteSink& sink, const ExportProgress& progress) const {
  const ByteOrder order = image_->format().order;
  const uint32_t page_bytes = image_->page_bytes();
  const uint32_t compressed = CompressionFlag(options_.compression);
  SequentialWriter pages(sink, 0);
  SequentialWriter data(sink, data_offset_);
  const Result<> headers = Is64Bit() ? WriteHeaders<KdumpHeader64, KdumpSubHeader64>(pages)
                                     : WriteHeaders<KdumpHeader32, KdumpSubHeader32>(pages);
  TRY(headers);
  TRY(data.PadTo(data_offset_ + page_bytes));
  const auto write = [&](const PageBatch& batch) -> Result<> {
    uint64_t offset = data.position();
    for (const StoredPage& page : batch.pages) {
      const bool is_zero = page.storage == PageStorage::kZero;
      const MutableBytes bytes = TRY(pages.Next(sizeof(KdumpPage)));
      auto& descriptor = *reinterpret_cast<KdumpPage*>(bytes.data());
      descriptor.offset.Store(is_zero ? data_offset_ : offset, order);
      descriptor.bytes.Store(is_zero ? page_bytes : page.bytes, order);
      descriptor.flags.Store(page.storage == PageStorage::kCompressed ? compressed : 0, order);
      offset += page.bytes;
    }
    return data.Append(batch.data);
  };
  TRY(WritePages(*image_, options_, write, progress));
  TRY(pages.Flush());
  TRY(data.Flush());
  return data.position();
}

}  // namespace crashdump
