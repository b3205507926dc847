// SPDX-License-Identifier: GPL-2.0-or-later
// crashdump save: the capture pipeline on ordinary files.
#include <array>
#include <cinttypes>
#include <cstdio>

#include "capture/writer/memory_budget.h"
#include "capture/writer/summary.h"
#include "capture/writer/write_dump.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output_file.h"
#include "cli/progress_bar.h"
#include "common/base/file_sink.h"
#include "common/base/parse.h"
#include "common/crypto/crypto.h"
#include "common/format/attempt_id.h"
#include "common/vmcore/open_classifier.h"

namespace crashdump {
namespace {

constexpr auto kOptions = std::to_array<OptionSpec>({
    {"output", OptionKind::kText, "FILE", "the dump to write", 'o', OptionNeed::kRequired},
    {"dump-level", OptionKind::kNumber, "LEVEL",
     "pages to leave out, the sum of: 1 zero, 2 clean page cache, 4 all page cache, 8 user, 16 free (default 31)", 'd',
     OptionNeed::kOptional, 0, DumpLevel::kMaximum},
    {"threads", OptionKind::kNumber, "N", "threads that compress (default: one per CPU)", 0, OptionNeed::kOptional, 1,
     CapturePipeline::kMaxThreads},
    {"compression-level", OptionKind::kText, "L",
     "zstd level 1 to 19 (default 1), or auto: as high as the disk is slow"},
    {"force", OptionKind::kFlag, "", "replace an existing file", 'f'},
});

constexpr CommandSpec kSpec = {
    .name = "save",
    .positional = "VMCORE",
    .positional_minimum = 1,
    .positional_maximum = 1,
    .options = kOptions,
    .help =
        "Stores VMCORE (an ELF core of a crashed kernel, /proc/vmcore too) as a compressed dump. The file is for\n"
        "root only (0600) and not encrypted; it appears under its name once it is complete.\n",
    .example = "crashdump save /proc/vmcore -o dump --dump-level 31",
};

class SaveListener final : public CaptureListener {
 public:
  void OnMessagesSafe() override {}
  void OnCounted() override {}
  void OnProgress(const CaptureProgress& progress) override { bar_.Update(progress.done_bytes, progress.total_bytes); }
  void OnNote(std::string_view text) override { PrintError("crashdump save: note", text); }

 private:
  ProgressBar bar_;
};

Result<uint64_t> MeasureMessages(const DumpContents& contents) {
  const std::array<DumpSection, 3> sections = {{
      {ObjectType::kMachineFacts, BytesOf(contents.machine_facts)},
      {ObjectType::kVmcoreinfo, BytesOf(contents.vmcoreinfo)},
      {ObjectType::kMessages, BytesOf(contents.messages)},
  }};
  return TRY(DumpWriter::MeasureMessages(sections)) + kBehindMessagesBytes;
}

Result<DumpId> NewAttemptId(const Vmcore& vmcore, const DumpContents& contents) {
  std::array<uint8_t, 32> random{};
  TRY(RandomBytes(random));
  return MakeAttemptId({.seed = {},
                        .attempt = 1,
                        .crash_time = contents.crash_time,
                        .elf_notes = vmcore.notes(),
                        .log_buffer = BytesOf(contents.messages),
                        .random = random});
}

struct SaveOptions {
  DumpLevel level;
  unsigned threads;
  CompressionLevels compression;
};

Result<WriteDumpOutcome> WriteTo(ByteSink& sink, const Vmcore& vmcore, const SaveOptions& options) {
  const PhysicalMemory memory(vmcore);
  const OpenedClassifier opened = OpenClassifier(vmcore, memory);
  DumpContents contents = GatherContents(vmcore, memory, options.level, kSectionMaxBytes);
  const DumpParameters parameters = {.layout = FileLayout(TRY(MeasureMessages(contents))),
                                     .attempt_id = TRY(NewAttemptId(vmcore, contents)),
                                     .attempt = 1,
                                     .page_bytes = static_cast<uint32_t>(vmcore.page_size()),
                                     .crash_time = contents.crash_time};
  PageFiller filler = TRY(PageFiller::Create(vmcore, memory, *opened.classifier, options.level));
  DumpWriter writer = TRY(DumpWriter::Create(sink, DumpCredentials(), parameters));
  const std::atomic<bool> stop = false;
  const std::unique_ptr<CapturePipeline> pipeline = TRY(CapturePipeline::Create(
      std::move(filler), {.threads = options.threads, .compression = options.compression}, stop));
  CaptureLog log;
  SaveListener listener;
  return WriteDump(writer, vmcore, std::move(contents), pipeline.get(), log, listener);
}

// "4.0 GiB in 1048576 pages (300211 of them zero) to 594 MiB, ratio 6.9, in 5.6 s"
std::string SummaryLine(const WriteDumpOutcome& outcome, uint64_t page_bytes, uint64_t milliseconds) {
  const DumpCounters& counters = outcome.counters;
  const uint64_t pages = counters.data_pages + counters.zero_pages;
  const double ratio = counters.stored_bytes == 0
                           ? 0.0
                           : static_cast<double>(pages * page_bytes) / static_cast<double>(counters.stored_bytes);
  std::array<char, 256> line;
  (void)snprintf(line.data(), line.size(),
                 "%s in %" PRIu64 " pages (%" PRIu64 " of them zero) to %s, ratio %.1f, in %.1f s\n",
                 FormatSize(pages * page_bytes).c_str(), pages, counters.zero_pages,
                 FormatSize(counters.stored_bytes).c_str(), ratio, static_cast<double>(milliseconds) / 1000.0);
  return line.data();
}

Result<SaveOptions> ParseOptions(const CommandLine& line) {
  const uint64_t level = line.Number("dump-level").value_or(DumpLevel::kMaximum);
  const uint64_t threads = line.Number("threads").value_or(std::min(UsableCpus(), CapturePipeline::kMaxThreads));
  return SaveOptions{
      .level = TRY(DumpLevel::FromNumber(level), "--dump-level"),
      .threads = static_cast<unsigned>(threads),
      .compression = TRY(ParseCompressionLevels(line.Text("compression-level").value_or("1")), "--compression-level")};
}

Result<int> Save(const CommandLine& line, const SaveOptions& options) {
  TRY(InitializeCrypto());
  const char* const input = line.positional()[0];
  const std::string output = line.Text("output").value_or("");
  const Stopwatch stopwatch;
  const Vmcore vmcore = TRY(Vmcore::Open(input), "%s", input);
  for (const std::string& warning : vmcore.warnings()) PrintError("crashdump save: note", warning);
  OutputFile file = TRY(OutputFile::Create(output, line.Has("force") ? Overwrite::kYes : Overwrite::kNo, input), "%s",
                        output.c_str());
  FileSink sink(file.fd());
  const WriteDumpOutcome outcome = TRY(WriteTo(sink, vmcore, options), "%s to %s", input, output.c_str());
  if (outcome.error) return outcome.error->Prefixed("%s", output.c_str());
  TRY(file.Commit(), "%s", output.c_str());
  TRY(WriteOutput(output + ": " + SummaryLine(outcome, vmcore.page_size(), stopwatch.Milliseconds())));
  if (outcome.result != DumpResult::kReadErrors) return kExitSuccess;
  return Error::Format(ErrorCode::kOs, "%s: %" PRIu64 " pages of %s could not be read; the dump has the others",
                       output.c_str(), outcome.counters.unreadable_pages, input);
}

}  // namespace

int RunSave(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, ParseOptions, Save); }

}  // namespace crashdump
