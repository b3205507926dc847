// SPDX-License-Identifier: GPL-2.0-or-later
// crashdump export: a dump in a form that others read.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>

#include "capture/writer/memory_budget.h"
#include "cli/commands.h"
#include "cli/input_file.h"
#include "cli/options.h"
#include "cli/output_file.h"
#include "cli/progress_bar.h"
#include "cli/recovered_dump.h"
#include "common/base/byte_source.h"
#include "common/base/file_sink.h"
#include "common/base/parse.h"
#include "common/crypto/crypto.h"
#include "recover/dump_files.h"
#include "recover/export_progress.h"
#include "recover/flattened_sink.h"
#include "recover/vmcore_exporter.h"

namespace crashdump {
namespace {

constexpr auto kOptions = std::to_array<OptionSpec>({
    {"output", OptionKind::kText, "FILE", "the file to write; \"-\": standard output, for flattened only", 'o'},
    {"format", OptionKind::kText, "FORMAT", "kdump, elf or flattened (default kdump)"},
    {"compress", OptionKind::kText, "HOW", "zstd, zlib or none, for kdump and flattened (default zstd)"},
    {"threads", OptionKind::kNumber, "N", "compressing threads (default: one per CPU)", 0, OptionNeed::kOptional, 1,
     kMaxEncodeThreads},
    {"force", OptionKind::kFlag, "", "replace an existing file", 'f'},
    kDirectoryOption,
});

constexpr CommandSpec kSpec = {
    .name = "export",
    .positional = "FILE",
    .positional_minimum = 1,
    .positional_maximum = 1,
    .options = kOptions,
    .help =
        "Writes the dump FILE in a form that crash, drgn and makedumpfile open: kdump is makedumpfile's compressed\n"
        "format, elf a sparse ELF vmcore as /proc/vmcore is (for gdb too), flattened the kdump file as a stream for\n"
        "`makedumpfile -R OUTPUT`. Of a torn dump it writes what precedes the damage, and says so. The file is for\n"
        "root only (0600). zstd is read by crash 8.0 and later, and by makedumpfile where it was built with it "
        "(Debian\n"
        "13, not 12); zlib by all.\n"
        "Where no file has that name, FILE is the ID of a recovered dump, as for crashdump report, and its vmcore is\n"
        "read.\n",
    .example = "crashdump export dump -o vmcore",
};

struct ExportChoice {
  VmcoreFormat format = VmcoreFormat::kKdump;
  bool is_flattened = false;
  bool to_stdout = false;
  std::string output;  // what messages call it
  EncodeOptions encode;
};

Error Usage(const char* text) { return Error::Format(ErrorCode::kInvalidArgument, "%s", text); }

Result<ExportChoice> Choose(const CommandLine& line) {
  ExportChoice choice;
  const std::string format = line.Text("format").value_or("kdump");
  if (format == "elf") {
    choice.format = VmcoreFormat::kElf;
  } else if (format == "flattened") {
    choice.is_flattened = true;
  } else if (format != "kdump") {
    return Error::Format(ErrorCode::kInvalidArgument, "--format: \"%s\" is none of kdump, elf, flattened",
                         format.c_str());
  }
  if (choice.format == VmcoreFormat::kElf && line.Has("compress")) {
    return Usage("--compress: an ELF file has no compressed pages");
  }
  choice.encode.compression = kDefaultPageCompression;
  if (const auto compress = line.Text("compress")) {
    choice.encode.compression = TRY(ParsePageCompression(*compress), "--compress");
  }
  choice.encode.threads =
      static_cast<unsigned>(line.Number("threads").value_or(std::min(UsableCpus(), kMaxEncodeThreads)));

  choice.output = line.Text("output").value_or("-");
  choice.to_stdout = choice.output == "-";
  if (choice.to_stdout && !choice.is_flattened) {
    return Usage("--output FILE is missing: only --format flattened can be written to a pipe");
  }
  if (choice.to_stdout && isatty(STDOUT_FILENO) == 1) {
    return Usage("standard output is a terminal: give --output FILE, or a pipe to `makedumpfile -R`");
  }
  if (choice.to_stdout) choice.output = "standard output";
  return choice;
}

// The size of the file, or of the stream.
Result<uint64_t> WriteTo(int fd, const ExportChoice& choice, const VmcoreExporter& exporter,
                         const ExportProgress& progress) {
  if (choice.is_flattened) {
    FlattenedSink sink = TRY(FlattenedSink::Create(fd));
    TRY(exporter.Write(sink, progress));
    TRY(sink.Finish());
    return sink.stream_bytes();
  }
  FileSink sink(fd);
  const uint64_t bytes = TRY(exporter.Write(sink, progress));
  if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
    return Error::Os(errno, "making a file of %" PRIu64 " bytes", bytes);
  }
  return bytes;
}

std::string SummaryLine(const ExportChoice& choice, const DumpImage& image, uint64_t bytes) {
  std::string line = choice.output + ": " + std::to_string(image.page_count()) + " pages, " + FormatSize(bytes);
  if (choice.format == VmcoreFormat::kElf) {
    line += ", of which zero pages (" + FormatSize(image.verdict().zero_pages * image.page_bytes()) + ") take no space";
  }
  return line + "\n";
}

// The file that is read.
Result<std::string> InputOf(const CommandLine& line) {
  const std::optional<RecoveredDump> dump = TRY(DumpInsteadOfFile(line));
  if (!dump) return std::string(line.positional()[0]);
  if (dump->info.vmcore == VmcoreFile::kPresent) return dump->path + "/" + kVmcoreName;
  const bool waits = dump->info.vmcore == VmcoreFile::kPending;
  return Error::Format(ErrorCode::kNotFound, "%s: has messages only%s", dump->name.c_str(),
                       waits ? ": its memory is still in the swap (see crashdump recover --dry-run)" : "");
}

Result<int> Export(const CommandLine& line, const ExportChoice& choice) {
  TRY(InitializeCrypto());
  const std::string path = TRY(InputOf(line));
  const char* const input = path.c_str();
  const char* const output = choice.output.c_str();
  if (TRY(DetectInput(input), "%s", input) != InputKind::kDump) {
    return Error::Format(ErrorCode::kInvalidArgument, "%s: is an ELF file already, not a dump", input);
  }
  const FileSource source = TRY(FileSource::Open(input), "%s", input);
  DumpReader reader = TRY(DumpReader::OpenFile(source), "%s", input);
  std::optional<OutputFile> file;
  if (!choice.to_stdout) {
    file.emplace(TRY(OutputFile::Create(choice.output, line.Has("force") ? Overwrite::kYes : Overwrite::kNo, input),
                     "%s", output));
  }

  ProgressBar bar;
  const ByteProgress progress = [&](uint64_t done, uint64_t total) { bar.Update(done, total); };
  const DumpImage image = TRY(DumpImage::Read(reader, FirstTime(reader, progress)), "%s", input);
  const DumpVerdict& verdict = image.verdict();
  if (image.page_count() == 0) {
    return Error::Format(ErrorCode::kNotFound, "%s: has no memory to export%s%s", input,
                         verdict.reason.empty() ? "" : ": ", verdict.reason.c_str());
  }
  const std::unique_ptr<VmcoreExporter> exporter =
      TRY(MakeExporter(choice.format, reader, image, choice.encode), "%s", input);
  const uint64_t bytes = TRY(WriteTo(file ? file->fd() : STDOUT_FILENO, choice, *exporter, SecondTime(image, progress)),
                             "%s to %s", input, output);
  if (file) TRY(file->Commit(), "%s", output);
  if (verdict.state != DumpState::kComplete) {
    PrintError("crashdump export: warning", std::string(input) + ": " + DumpStateName(verdict.state) + ": " +
                                                verdict.reason + "; wrote the " + std::to_string(image.page_count()) +
                                                " pages that are there");
  }
  if (!choice.to_stdout) TRY(WriteOutput(SummaryLine(choice, image, bytes)));
  return kExitSuccess;
}

}  // namespace

int RunExport(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, Choose, Export); }

}  // namespace crashdump
