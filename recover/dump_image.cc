// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/dump_image.h"

#include <algorithm>
#include <array>
#include <cinttypes>

#include "common/base/parse.h"
#include "common/base/text_record.h"
#include "common/vmcore/elf_layout.h"
#include "common/vmcore/elf_notes.h"
#include "common/vmcore/target_machine.h"

namespace crashdump {
namespace {

// No crashed machine comes near; facts that someone made up could.
constexpr size_t kMaxLoads = 1U << 16;
constexpr uint64_t kMaxCpus = 1U << 20;

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
  note.resize(static_cast<size_t>(AlignUp(note.size() + 1, 4)), 0);
  note += text;
  note.resize(static_cast<size_t>(AlignUp(note.size(), 4)), 0);
  return note;
}

}  // namespace

class DumpImage::Collector final : public DumpVisitor {
 public:
  Collector(DumpImage& image, const ExportProgress& progress) : image_(image), progress_(progress) {}

  Result<> OnSection(ObjectType type, Bytes piece) override {
    DumpSections& sections = image_.sections_;
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

  Result<> OnChunk(uint64_t offset, const CompressedChunk& chunk) override {
    if (image_.chunks_.size() == kZeroPages)
      return Error::Format(ErrorCode::kUnsupported, "more than 2^32 page chunks");
    image_.chunks_.push_back(offset);
    image_.stored_bytes_ += chunk.frame.size();
    return {};
  }

  Result<> OnPages(PageKind kind, uint64_t first_pfn, uint32_t page_count, Bytes) override {
    pages_ += page_count;
    if (progress_) progress_(pages_);
    if (kind == PageKind::kUnreadable) return {};
    const auto chunk = static_cast<uint32_t>(image_.chunks_.size() - 1);
    image_.pieces_.push_back(
        {.first_pfn = first_pfn, .page_count = page_count, .chunk = kind == PageKind::kZero ? kZeroPages : chunk});
    return {};
  }

 private:
  DumpImage& image_;
  const ExportProgress& progress_;
  uint64_t pages_ = 0;
};

Result<DumpImage> DumpImage::Read(DumpReader& reader, const ExportProgress& progress) {
  DumpImage image(reader);
  Collector collector(image, progress);
  image.verdict_ = TRY(reader.Walk(collector));
  TRY(image.ReadFacts(), "machine facts");
  DumpSections& sections = image.sections_;
  image.notes_ = sections.elf_notes;
  if (image.notes_.empty() && !sections.vmcoreinfo.empty()) {
    image.notes_ = VmcoreinfoNote(sections.vmcoreinfo, image.format_.order);
  }
  // Behind a damaged page only the trailer knows where it is.
  if (sections.summary.empty()) sections.summary = reader.ReadSections().summary;
  image.SortPages();
  if (!image.runs_.empty() && image.runs_.back().pfns.end > UINT64_MAX / 2 / image.page_bytes()) {
    return Error::Format(ErrorCode::kCorrupt, "page frame %#" PRIx64 " is beyond any memory",
                         image.runs_.back().pfns.end - 1);
  }
  return image;
}

Result<> DumpImage::ReadFacts() {
  // Without facts there is no telling what machine it was; pages never come without them unless they had no room.
  elf_machine_ = kElfMachineX86_64;
  const TextRecord record = TRY(TextRecord::Parse(sections_.machine_facts));
  if (const auto machine = record.Number("elf_machine"); machine.ok() && machine.value() <= UINT16_MAX) {
    elf_machine_ = static_cast<uint16_t>(machine.value());
  }
  if (record.Find("elf_class") == "32") elf_word_ = WordSize::k32;
  if (record.Find("byte_order") == "big") format_.order = ByteOrder::kBig;
  const TargetMachine* const machine = FindTargetMachine(elf_machine_, format_.order);
  format_.word = machine == nullptr ? elf_word_ : machine->format.word;
  release_ = record.Find("release").value_or("");
  machine_name_ = record.Find("machine").value_or("");
  if (const auto cpus = record.Number("cpus"); cpus.ok() && cpus.value() >= 1 && cpus.value() <= kMaxCpus) {
    cpus_ = static_cast<uint32_t>(cpus.value());
  }
  if (const auto level = record.Number("dump_level"); level.ok() && level.value() <= UINT8_MAX) {
    dump_level_ = static_cast<uint32_t>(level.value());
  }
  const std::vector<std::string_view> lines = record.FindAll("load");
  for (const std::string_view line : std::span(lines).first(std::min(lines.size(), kMaxLoads))) {
    const auto [physical, file_size, memory_size, virtual_address] =
        TRY(ParseLoad(line), "load=%.*s", static_cast<int>(line.size()), line.data());
    const std::optional<uint64_t> end = CheckedAdd(physical, file_size);
    if (!end) return Error::Format(ErrorCode::kCorrupt, "load beyond the end of memory");
    if (file_size != 0) loads_.push_back({.physical = {physical, *end}, .virtual_address = virtual_address});
  }
  return {};
}

void DumpImage::SortPages() {
  std::sort(pieces_.begin(), pieces_.end(), [](const Piece& a, const Piece& b) { return a.first_pfn < b.first_pfn; });
  uint64_t rank = 0;
  for (const Piece& piece : pieces_) {
    const Range pfns = {piece.first_pfn, piece.first_pfn + piece.page_count};
    if (!runs_.empty() && runs_.back().pfns.end == pfns.begin) {
      runs_.back().pfns.end = pfns.end;
    } else {
      runs_.push_back({.pfns = pfns, .rank = rank});
    }
    rank += pfns.size();
  }
}

}  // namespace crashdump
