// SPDX-License-Identifier: GPL-2.0-or-later
// crashdump show: what a dump or vmcore holds, for people.
#include <time.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>

#include "capture/writer/machine_facts.h"
#include "capture/writer/page_census.h"
#include "cli/class_table.h"
#include "cli/commands.h"
#include "cli/input_file.h"
#include "cli/options.h"
#include "cli/recovered_dump.h"
#include "common/base/byte_source.h"
#include "common/base/parse.h"
#include "common/base/text_record.h"
#include "common/crypto/crypto.h"
#include "common/format/dump_reader.h"
#include "common/vmcore/open_classifier.h"
#include "common/vmcore/printable_text.h"

namespace crashdump {
namespace {

constexpr auto kOptions = std::to_array<OptionSpec>({
    {"verify", OptionKind::kFlag, "", "read and check all of a dump, not only its beginning and end"},
    kDirectoryOption,
});

constexpr CommandSpec kSpec = {
    .name = "show",
    .positional = "FILE",
    .positional_minimum = 1,
    .positional_maximum = 1,
    .options = kOptions,
    .help =
        "Prints what FILE, a dump or an ELF vmcore, holds: the machine, the kernel, the time of the crash, pages by\n"
        "class (of a vmcore: what dump level 31 would keep), and how the capture went. With --verify the exit status "
        "is 1 if the dump is damaged or not complete.\n"
        "Where no file has that name, FILE is the ID of a recovered dump, as for crashdump report.\n",
    .example = "crashdump show latest",
};

// Lines "Name:   value" with the values in one column.
class Table {
 public:
  void Add(std::string_view name, std::string_view value) {
    if (!value.empty()) lines_.emplace_back(name, value);
  }
  void AddHeading(std::string_view name) { lines_.emplace_back(name, ""); }
  std::string ToString() const {
    size_t width = 0;
    for (const auto& [name, value] : lines_) width = std::max(width, name.size());
    std::string text;
    for (const auto& [name, value] : lines_) {
      text += name + ":";
      if (!value.empty()) text += std::string(width - name.size() + 2, ' ') + EscapeControl(value);
      text += "\n";
    }
    return text;
  }

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

std::string TimeText(uint64_t seconds) {
  const auto time = static_cast<time_t>(seconds);
  struct tm parts {};
  std::array<char, 64> text;
  if (seconds > INT32_MAX * uint64_t{64} || gmtime_r(&time, &parts) == nullptr ||
      strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts) == 0) {
    return std::to_string(seconds) + " s since 1970";
  }
  return text.data();
}

std::string PagesText(uint64_t pages, uint64_t page_bytes) {
  return std::to_string(pages) + " (" + FormatSize(CheckedMultiply(pages, page_bytes).value_or(UINT64_MAX)) + ")";
}

std::string_view Value(const TextRecord& record, std::string_view key) { return record.Find(key).value_or(""); }

void AddMachine(const TextRecord& facts, Table& table) {
  table.Add("Kernel", Value(facts, "release"));
  table.Add("Machine", Value(facts, "machine"));
  table.Add("CPUs", Value(facts, "cpus"));
  if (const auto time = facts.Number("crash_time"); time.ok() && time.value() != 0) {
    table.Add("Crashed", TimeText(time.value()));
  }
  const auto pages = facts.Number("memory_pages");
  const auto page_size = facts.Number("page_size");
  if (pages.ok() && page_size.ok()) {
    table.Add("Page size", FormatSize(page_size.value()));
    table.Add("Memory pages", PagesText(pages.value(), page_size.value()));
  }
  for (const std::string_view warning : facts.FindAll("warning")) table.Add("Warning", warning);
}

// The other key=value lines, as they are; the counts of classes have a table of their own.
void AddRest(const TextRecord& record, std::initializer_list<std::string_view> shown, Table& table) {
  for (const auto& [key, value] : record.lines()) {
    if (key.starts_with("kept_") || key.starts_with("left_out_")) continue;
    if (std::find(shown.begin(), shown.end(), key) == shown.end()) table.Add("  " + key, value);
  }
}

std::string ClassesText(const ClassCounts& counts, uint64_t page_bytes) {
  const std::string table = ClassTable(counts, page_bytes);
  return table.empty() ? "" : "Classes of pages:\n" + table;
}

// What the highest level would make of the vmcore; notes and doubts as lines of the table.
ClassCounts CountClasses(const Vmcore& vmcore, const PhysicalMemory& memory, DumpLevel level, Table& table) {
  const OpenedClassifier opened = OpenClassifier(vmcore, memory);
  const PageClassifier& classifier = *opened.classifier;
  for (const std::string& note : classifier.notes()) table.Add("Note", note);
  PageCensus census(memory, vmcore.page_size());
  const std::atomic<bool> stop = false;
  (void)census.Take(*opened.classifier, stop, [](uint64_t) {});
  for (const std::string& remark : classifier.Remarks()) table.Add("Note", remark);
  for (const std::string& doubt : classifier.Doubts(census.totals())) {
    level = level.WithEveryClass();
    table.Add("Doubt", doubt);
  }
  ClassCounts counts;
  for (const PageClass page_class : kAllPageClasses) {
    CountOf(level.Keeps(page_class) ? counts.kept : counts.left_out, page_class) = CountOf(census.totals(), page_class);
  }
  return counts;
}

TextRecord ParseOrEmpty(const std::string& text) {
  const Result<TextRecord> record = TextRecord::Parse(text);
  return record.ok() ? record.value() : TextRecord();
}

class NoVisitor final : public DumpVisitor {
 public:
  Result<> OnSection(ObjectType, Bytes) override { return {}; }
  Result<> OnPages(PageKind, uint64_t, uint32_t, Bytes) override { return {}; }
};

Result<int> ShowDump(const char* path, bool verify) {
  TRY(InitializeCrypto());
  const FileSource source = TRY(FileSource::Open(path));
  DumpReader reader = TRY(DumpReader::OpenFile(source));
  const DumpSections sections = reader.ReadSections();
  const TextRecord facts = ParseOrEmpty(sections.machine_facts);
  const TextRecord summary = ParseOrEmpty(sections.summary);
  const DumpHeader& header = reader.header();
  int status = kExitSuccess;

  Table table;
  table.Add("File", std::string(path) + ", " + FormatSize(source.size()));
  table.Add("Dump", ToHex(header.attempt_id));
  table.Add("Written by", Value(facts, "program"));
  if (reader.trailer()) {
    table.Add("Result", DumpResultName(reader.trailer()->result));
  } else {
    table.Add("Result", "torn: the trailer is missing or damaged");
  }
  if (!sections.damage.empty()) table.Add("Damage", sections.damage);
  if (verify) {
    NoVisitor visitor;
    const DumpVerdict verdict = TRY(reader.Walk(visitor));
    table.Add("Verified",
              std::string(DumpStateName(verdict.state)) + (verdict.reason.empty() ? "" : ": ") + verdict.reason);
    table.Add("Verified pages",
              PagesText(verdict.data_pages + verdict.zero_pages + verdict.unreadable_pages, header.page_bytes));
    if (verdict.state != DumpState::kComplete) status = kExitFailure;
  }
  AddMachine(facts, table);
  if (const auto& trailer = reader.trailer()) {
    table.Add("Data pages", PagesText(trailer->data_pages, header.page_bytes));
    table.Add("Zero pages", PagesText(trailer->zero_pages, header.page_bytes));
    table.Add("Unreadable pages", PagesText(trailer->unreadable_pages, header.page_bytes));
    table.Add("Chunks", std::to_string(trailer->chunk_count));
  }
  table.Add("Messages", FormatSize(sections.messages.size()));
  table.AddHeading("Facts");
  AddRest(facts,
          {"program", "release", "machine", "cpus", "crash_time", "memory_pages", "page_size", "warning", "load"},
          table);
  if (!summary.lines().empty()) table.AddHeading("Capture");
  AddRest(summary, {"data_pages", "zero_pages", "unreadable_pages", "chunks"}, table);
  TRY(WriteOutput(table.ToString() + ClassesText(ClassCounts::FromSummary(summary), header.page_bytes)));
  return status;
}

Result<int> ShowVmcore(const char* path) {
  const Vmcore vmcore = TRY(Vmcore::Open(path));
  const PhysicalMemory memory(vmcore);
  const DumpLevel level = TRY(DumpLevel::FromNumber(DumpLevel::kMaximum));
  const TextRecord facts = MachineFacts(vmcore, memory, level);
  Table table;
  table.Add("File", std::string(path) + ", ELF vmcore" +
                        (vmcore.source().size() == 0 ? "" : ", " + FormatSize(vmcore.source().size())));
  AddMachine(facts, table);
  table.Add("VMCOREINFO", vmcore.vmcoreinfo() == nullptr ? "none" : FormatSize(vmcore.vmcoreinfo()->text().size()));
  table.Add("Segments", std::to_string(vmcore.loads().size()));
  table.Add("Highest address", FormatSize(memory.end_pfn() * vmcore.page_size()));
  const ClassCounts counts = CountClasses(vmcore, memory, level, table);
  TRY(WriteOutput(table.ToString() + ClassesText(counts, vmcore.page_size())));
  return kExitSuccess;
}

std::string MemoryText(const DumpInfo& info) {
  switch (info.vmcore) {
    case VmcoreFile::kPresent:
      return info.vmcore_format + ", " + FormatSize(info.vmcore_bytes);
    case VmcoreFile::kPending:
      return info.vmcore_error.empty() ? "waits in the swap for room" : "waits in the swap: " + info.vmcore_error;
    case VmcoreFile::kNone:
      break;
  }
  return "none";
}

Result<int> ShowRecovered(const RecoveredDump& dump) {
  const DumpInfo& info = dump.info;
  Table table;
  table.Add("Directory", dump.path);
  table.Add("Dump", info.attempt_id);
  table.Add("Result", info.reason.empty() ? info.state : info.state + ": " + info.reason);
  table.Add("Kernel", info.release);
  table.Add("Machine", info.machine);
  if (info.crash_time != 0) table.Add("Crashed", TimeText(info.crash_time));
  table.Add("Memory", MemoryText(info));
  table.Add("Data pages", PagesText(info.data_pages, info.page_bytes));
  table.Add("Zero pages", PagesText(info.zero_pages, info.page_bytes));
  table.Add("Unreadable pages", PagesText(info.unreadable_pages, info.page_bytes));
  table.Add("Messages", FormatSize(info.messages_bytes));
  TRY(WriteOutput(table.ToString()));
  return kExitSuccess;
}

Result<int> Show(const CommandLine& line) {
  const char* const path = line.positional()[0];
  if (const std::optional<RecoveredDump> recovered = TRY(DumpInsteadOfFile(line))) {
    if (!line.Has("verify")) return ShowRecovered(*recovered);
    return Error::Format(ErrorCode::kInvalidArgument,
                         "%s: --verify is for files: what is recovered was verified before it was published", path);
  }
  const bool is_dump = TRY(DetectInput(path), "%s", path) == InputKind::kDump;
  if (is_dump) return TRY(ShowDump(path, line.Has("verify")), "%s", path);
  return TRY(ShowVmcore(path), "%s", path);
}

}  // namespace

int RunShow(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, Show); }

}  // namespace crashdump
