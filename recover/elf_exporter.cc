// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/elf_exporter.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>

#include "common/base/io.h"
#include "common/base/parse.h"
#include "common/base/text_record.h"
#include "common/vmcore/elf_layout.h"
#include "common/vmcore/elf_notes.h"
#include "common/vmcore/zero_page.h"

namespace crashdump {
namespace {

// No crashed machine comes near; facts that someone made up could.
constexpr uint64_t kMaxSegments = 1U << 22;
constexpr size_t kMaxLoads = 1U << 16;

constexpr uint32_t kSegmentReadWriteExecute = 7;  // as /proc/vmcore has it
constexpr uint32_t kElfVersion = 1;

bool Fits32(uint64_t value) { return value <= UINT32_MAX; }

// One "load" line of the machine facts: physical, file size, memory size, virtual.
Result<std::array<uint64_t, 4>> ParseLoad(std::string_view text) {
  std::array<uint64_t, 4> values{};
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t comma = text.find(',');
    if ((comma == std::string_view::npos) != (i + 1 == values.size())) {
      return Error::Format(ErrorCode::kCorrupt, "not four numbers");
    }
    values[i] = TRY(ParseHexNumber(text.substr(0, comma)));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return values;
}

void AppendInteger(std::string& out, uint32_t value, ByteOrder order) {
  std::array<uint8_t, 4> bytes{};
  StoreInteger(bytes, value, order);
  out += TextOf(bytes);
}

// The note in which the kernel puts VMCOREINFO, for a dump whose own notes are missing.
std::string VmcoreinfoNote(const std::string& text, ByteOrder order) {
  std::string note;
  AppendInteger(note, static_cast<uint32_t>(kNoteNameVmcoreinfo.size() + 1), order);
  AppendInteger(note, static_cast<uint32_t>(text.size()), order);
  AppendInteger(note, 0, order);
  note += kNoteNameVmcoreinfo;
  note.resize(AlignUp(note.size() + 1, 4), 0);
  note += text;
  note.resize(AlignUp(note.size(), 4), 0);
  return note;
}

// Writes consecutive structures through a buffer.
class HeaderStream {
 public:
  HeaderStream(int fd, size_t bytes_at_once) : fd_(fd) { buffer_.reserve(bytes_at_once); }

  // A zeroed structure, to be filled before the next call.
  Result<MutableBytes> Next(size_t bytes) {
    if (buffer_.size() + bytes > buffer_.capacity()) TRY(Flush());
    buffer_.resize(buffer_.size() + bytes);
    return MutableBytes(buffer_).last(bytes);
  }
  Result<> Flush() {
    TRY(PwriteFull(fd_, offset_, buffer_));
    offset_ += buffer_.size();
    buffer_.clear();
    return {};
  }

 private:
  int fd_;
  uint64_t offset_ = 0;
  std::vector<uint8_t> buffer_;
};

}  // namespace

// The first walk: what is there.
class ElfExporter::Collector final : public DumpVisitor {
 public:
  explicit Collector(const ExportProgress& progress) : progress_(progress) {}

  Result<> OnSection(ObjectType type, Bytes piece) override {
    const std::pair<ObjectType, std::string*> places[] = {
        {ObjectType::kMachineFacts, &sections.machine_facts},
        {ObjectType::kVmcoreinfo, &sections.vmcoreinfo},
        {ObjectType::kElfNotes, &sections.elf_notes},
        {ObjectType::kMessages, &sections.messages},
        {ObjectType::kSummary, &sections.summary},
    };
    for (const auto& [place, section] : places) {
      if (place == type && section->size() + piece.size() <= kSectionMaxBytes) *section += TextOf(piece);
    }
    return {};
  }

  Result<> OnPages(PageKind kind, uint64_t first_pfn, uint32_t page_count, Bytes) override {
    pages_ += page_count;
    if (progress_) progress_(pages_);
    if (kind == PageKind::kUnreadable) return {};
    const Range pfns = {first_pfn, first_pfn + page_count};
    if (!runs.empty() && runs.back().pfns.end == pfns.begin) {
      runs.back().pfns.end = pfns.end;
    } else {
      runs.push_back({.pfns = pfns});
    }
    return {};
  }

  DumpSections sections;
  std::vector<Run> runs;

 private:
  const ExportProgress& progress_;
  uint64_t pages_ = 0;
};

// The second walk: the pages to their places.
class ElfExporter::Copier final : public DumpVisitor {
 public:
  Copier(const ElfExporter& exporter, int fd, const ExportProgress& progress)
      : exporter_(exporter), fd_(fd), progress_(progress) {}

  Result<> OnSection(ObjectType, Bytes) override { return {}; }

  Result<> OnPages(PageKind kind, uint64_t first_pfn, uint32_t page_count, Bytes data) override {
    pages_ += page_count;
    if (progress_) progress_(pages_);
    if (kind == PageKind::kUnreadable) return {};
    const Run* const run = exporter_.FindRun(first_pfn);
    if (run == nullptr || run->pfns.end - first_pfn < page_count) {
      return Error::Format(ErrorCode::kCorrupt, "the dump changes while it is read: page frame %#" PRIx64 " is new",
                           first_pfn);
    }
    copied_ += page_count;
    if (kind == PageKind::kZero) return {};
    return WriteData(run->file_offset + (first_pfn - run->pfns.begin) * exporter_.page_bytes_, data);
  }

  uint64_t copied() const { return copied_; }

 private:
  // Zero pages, which a dump of level 0 holds as data, become holes too.
  Result<> WriteData(uint64_t offset, Bytes data) {
    const size_t page_bytes = exporter_.page_bytes_;
    size_t begin = 0;
    for (size_t at = 0; at < data.size(); at += page_bytes) {
      if (!IsZeroPage(data.subspan(at, page_bytes))) continue;
      TRY(PwriteFull(fd_, offset + begin, data.subspan(begin, at - begin)));
      begin = at + page_bytes;
    }
    return PwriteFull(fd_, offset + begin, data.subspan(begin));
  }

  const ElfExporter& exporter_;
  int fd_;
  const ExportProgress& progress_;
  uint64_t pages_ = 0;
  uint64_t copied_ = 0;
};

Result<ElfExporter> ElfExporter::Plan(DumpReader& reader, const ExportProgress& progress) {
  ElfExporter exporter(reader, reader.header().page_bytes);
  Collector collector(progress);
  exporter.verdict_ = TRY(reader.Walk(collector));
  exporter.sections_ = std::move(collector.sections);
  const DumpSections& sections = exporter.sections_;
  TRY(exporter.ReadFacts());
  exporter.notes_ = sections.elf_notes;
  if (exporter.notes_.empty() && !sections.vmcoreinfo.empty()) {
    exporter.notes_ = VmcoreinfoNote(sections.vmcoreinfo, exporter.format_.order);
  }
  std::sort(collector.runs.begin(), collector.runs.end(),
            [](const Run& a, const Run& b) { return a.pfns.begin < b.pfns.begin; });
  for (const Run& run : collector.runs) {
    if (!exporter.runs_.empty() && exporter.runs_.back().pfns.end == run.pfns.begin) {
      exporter.runs_.back().pfns.end = run.pfns.end;
    } else {
      exporter.runs_.push_back(run);
    }
    exporter.page_count_ += run.pfns.size();
  }
  if (!exporter.runs_.empty() && exporter.runs_.back().pfns.end > UINT64_MAX / 2 / exporter.page_bytes_) {
    return Error::Format(ErrorCode::kCorrupt, "page frame %#" PRIx64 " is beyond any memory",
                         exporter.runs_.back().pfns.end - 1);
  }
  exporter.AddPagesWithoutLoad();
  TRY(exporter.LayOut(), "the dump as ELF");
  return exporter;
}

Result<> ElfExporter::ReadFacts() {
  // Without facts there is no telling what machine it was; pages never come without them unless they had no room.
  machine_ = kElfMachineX86_64;
  const TextRecord record = TRY(TextRecord::Parse(sections_.machine_facts), "machine facts");
  if (const auto machine = record.Number("elf_machine"); machine.ok() && machine.value() <= UINT16_MAX) {
    machine_ = static_cast<uint16_t>(machine.value());
  }
  if (record.Find("elf_class") == "32") format_.word = WordSize::k32;
  if (record.Find("byte_order") == "big") format_.order = ByteOrder::kBig;
  const std::vector<std::string_view> lines = record.FindAll("load");
  for (const std::string_view line : std::span(lines).first(std::min(lines.size(), kMaxLoads))) {
    const auto [physical, file_size, memory_size, virtual_address] =
        TRY(ParseLoad(line), "machine facts: load=%.*s", static_cast<int>(line.size()), line.data());
    const std::optional<uint64_t> end = CheckedAdd(physical, file_size);
    if (!end) return Error::Format(ErrorCode::kCorrupt, "machine facts: load beyond the end of memory");
    if (file_size != 0) loads_.push_back({.physical = {physical, *end}, .virtual_address = virtual_address});
  }
  return {};
}

// Pages that no known PT_LOAD of the original holds get one without a virtual address, as in files from QEMU.
void ElfExporter::AddPagesWithoutLoad() {
  // In pages: of a page of which an original PT_LOAD held a part, nobody ever had the rest.
  std::vector<Range> covered;
  covered.reserve(loads_.size());
  for (const Load& load : loads_) {
    covered.push_back({load.physical.begin / page_bytes_, (load.physical.end - 1) / page_bytes_ + 1});
  }
  std::sort(covered.begin(), covered.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
  const auto add = [this](const Range& pfns) {
    loads_.push_back({.physical = {pfns.begin * page_bytes_, pfns.end * page_bytes_}, .virtual_address = 0});
  };
  size_t next = 0;
  uint64_t covered_end = 0;  // everything below that can be covered has been looked at
  for (const Run& run : runs_) {
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
    const ElfLayout& elf = ElfLayoutOf(format_.word);
    const uint64_t headers =
        elf.header_bytes + (segment_count_ + 1) * elf.program_header_bytes + elf.section_header_bytes;
    notes_offset_ = AlignUp(headers, 8);
    data_offset_ = AlignUp(notes_offset_ + notes_.size(), page_bytes_);
    file_bytes_ = data_offset_;
    for (Run& run : runs_) {
      run.file_offset = file_bytes_;
      file_bytes_ += run.pfns.size() * page_bytes_;
    }
  };
  place();
  // As kexec-tools does for PAE: 64-bit headers about a 32-bit machine.
  if (format_.word == WordSize::k32 &&
      (!Fits32(file_bytes_) || (!runs_.empty() && !Fits32(runs_.back().pfns.end * page_bytes_)))) {
    format_.word = WordSize::k64;
    place();
  }
  if (file_bytes_ > INT64_MAX) {
    return Error::Format(ErrorCode::kUnsupported, "%" PRIu64 " pages are more than a file can hold", page_count_);
  }
  return {};
}

uint64_t ElfExporter::stored_bytes() const { return data_offset_ + verdict_.data_pages * page_bytes_; }

void ElfExporter::ForEachSegment(const std::function<bool(const Segment&)>& use) const {
  for (const Load& load : loads_) {
    auto run = std::partition_point(runs_.begin(), runs_.end(), [&](const Run& candidate) {
      return candidate.pfns.end * page_bytes_ <= load.physical.begin;
    });
    for (; run != runs_.end() && run->pfns.begin * page_bytes_ < load.physical.end; ++run) {
      const uint64_t run_begin = run->pfns.begin * page_bytes_;
      const Range physical = {std::max(run_begin, load.physical.begin),
                              std::min(run->pfns.end * page_bytes_, load.physical.end)};
      // Files from QEMU know no virtual addresses, and i386 has memory without any.
      const bool has_virtual = load.virtual_address != UINT64_MAX && load.virtual_address != UINT32_MAX &&
                               (load.virtual_address != 0 || load.physical.begin == 0);
      const Segment segment = {
          .physical = physical,
          .virtual_address = load.virtual_address + (has_virtual ? physical.begin - load.physical.begin : 0),
          .file_offset = run->file_offset + (physical.begin - run_begin)};
      if (!use(segment)) return;
    }
  }
}

const ElfExporter::Run* ElfExporter::FindRun(uint64_t pfn) const {
  const auto run =
      std::partition_point(runs_.begin(), runs_.end(), [&](const Run& candidate) { return candidate.pfns.end <= pfn; });
  return run != runs_.end() && run->pfns.begin <= pfn ? &*run : nullptr;
}

Result<> ElfExporter::WriteHeaders(int fd) const {
  const ElfLayout& elf = ElfLayoutOf(format_.word);
  const ByteOrder order = format_.order;
  constexpr size_t kBytesAtOnce = 64 * kKiB;
  HeaderStream stream(fd, kBytesAtOnce);

  const uint64_t count = segment_count_ + 1;
  const bool count_elsewhere = count >= kElfCountInSection0;
  const MutableBytes header = TRY(stream.Next(elf.header_bytes));
  memcpy(header.data(), kElfMagic, sizeof(kElfMagic));
  header[kElfIdentClass] = format_.word == WordSize::k64 ? kElfClass64 : kElfClass32;
  header[kElfIdentData] = order == ByteOrder::kLittle ? kElfDataLittle : kElfDataBig;
  header[kElfIdentVersion] = kElfVersion;
  elf.type.Store(header, kElfTypeCore, order);
  elf.machine.Store(header, machine_, order);
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
  store(notes, kSegmentNote, {.physical = {0, notes_.size()}, .virtual_address = 0, .file_offset = notes_offset_});
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
  return stream.Flush();
}

Result<> ElfExporter::Write(int fd, const ExportProgress& progress) const {
  if (ftruncate(fd, static_cast<off_t>(file_bytes_)) != 0) {
    return Error::Os(errno, "making a file of %" PRIu64 " bytes", file_bytes_);
  }
  TRY(WriteHeaders(fd), "ELF headers");
  TRY(PwriteFull(fd, notes_offset_, BytesOf(std::string_view(notes_))), "ELF notes");
  Copier copier(*this, fd, progress);
  const DumpVerdict verdict = TRY(reader_->Walk(copier));
  if (copier.copied() != page_count_) {
    return Error::Format(ErrorCode::kCorrupt,
                         "the dump changes while it is read: %" PRIu64 " of %" PRIu64 " pages the second time%s%s",
                         copier.copied(), page_count_, verdict.reason.empty() ? "" : ": ", verdict.reason.c_str());
  }
  return {};
}

}  // namespace crashdump
