// SPDX-License-Identifier: GPL-2.0-or-later
// crashdump export: a dump in a form that others read.
#include <array>
#include <cinttypes>

#include "cli/commands.h"
#include "cli/input_file.h"
#include "cli/options.h"
#include "cli/output_file.h"
#include "cli/progress_bar.h"
#include "common/base/byte_source.h"
#include "common/base/parse.h"
#include "common/crypto/crypto.h"
#include "recover/elf_exporter.h"

namespace crashdump {
namespace {

constexpr auto kOptions = std::to_array<OptionSpec>({
    {"output", OptionKind::kText, "FILE", "the file to write", 'o', OptionNeed::kRequired},
    {"format", OptionKind::kText, "elf", "its form (default elf)"},
    {"force", OptionKind::kFlag, "", "replace an existing file", 'f'},
});

constexpr CommandSpec kSpec = {
    .name = "export",
    .positional = "FILE",
    .positional_minimum = 1,
    .positional_maximum = 1,
    .options = kOptions,
    .help =
        "Writes the dump FILE as an ELF vmcore, which crash, drgn, gdb and makedumpfile open. Of a torn dump it\n"
        "writes what precedes the damage, and says so. The file is for root only (0600).\n",
};

Result<int> Export(const CommandLine& line) {
  const std::string format = line.Text("format").value_or("elf");
  if (format != "elf") {
    return Error::Format(ErrorCode::kUnsupported, "format %s: this version writes elf only", format.c_str());
  }
  TRY(InitializeCrypto());
  const char* const input = line.positional()[0];
  const std::string output = line.Text("output").value_or("");
  if (TRY(DetectInput(input), "%s", input) != InputKind::kDump) {
    return Error::Format(ErrorCode::kInvalidArgument, "%s: is an ELF file already, not a dump", input);
  }
  const FileSource source = TRY(FileSource::Open(input), "%s", input);
  DumpReader reader = TRY(DumpReader::OpenFile(source), "%s", input);
  OutputFile file = TRY(OutputFile::Create(output, line.Has("force") ? Overwrite::kYes : Overwrite::kNo, input), "%s",
                        output.c_str());
  ProgressBar bar;
  const uint64_t page_bytes = reader.header().page_bytes;
  // Both walks count; without a trailer the first does not know how far it is.
  uint64_t total = 0;
  if (const auto& trailer = reader.trailer()) {
    total = 2 * (trailer->data_pages + trailer->zero_pages + trailer->unreadable_pages);
  }
  const auto first_walk = [&](uint64_t pages) {
    if (total != 0) bar.Update(pages * page_bytes, total * page_bytes);
  };
  const ElfExporter exporter = TRY(ElfExporter::Plan(reader, first_walk), "%s", input);
  const DumpVerdict& verdict = exporter.verdict();
  if (exporter.page_count() == 0) {
    return Error::Format(ErrorCode::kNotFound, "%s: has no memory to export%s%s", input,
                         verdict.reason.empty() ? "" : ": ", verdict.reason.c_str());
  }
  const uint64_t walked = verdict.data_pages + verdict.zero_pages + verdict.unreadable_pages;
  const auto second_walk = [&](uint64_t pages) { bar.Update((walked + pages) * page_bytes, 2 * walked * page_bytes); };
  TRY(exporter.Write(file.fd(), second_walk), "%s to %s", input, output.c_str());
  TRY(file.Commit(), "%s", output.c_str());
  if (verdict.state != DumpState::kComplete) {
    PrintError("crashdump export: warning", std::string(input) + ": " + DumpStateName(verdict.state) + ": " +
                                                verdict.reason + "; wrote the " +
                                                std::to_string(exporter.page_count()) + " pages that are there");
  }
  TRY(WriteOutput(output + ": " + std::to_string(exporter.page_count()) + " pages, " +
                  FormatSize(exporter.file_bytes()) + ", of which zero pages (" +
                  FormatSize(verdict.zero_pages * page_bytes) + ") take no space\n"));
  return kExitSuccess;
}

}  // namespace

int RunExport(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, Export); }

}  // namespace crashdump
