// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/capture_run.h"

#include <array>
#include <cinttypes>

#include "capture/writer/memory_budget.h"
#include "common/base/io.h"
#include "common/base/parse.h"
#include "common/crypto/crypto.h"
#include "common/format/attempt_id.h"

namespace crashdump {
namespace {

class InitListener final : public CaptureListener {
 public:
  InitListener(const StatusReporter& status, uint64_t hold_seconds) : status_(status), hold_seconds_(hold_seconds) {}

  void OnMessagesSafe() override {
    status_.MessagesSafe();
    if (hold_seconds_ != 0) status_.AwaitGo(hold_seconds_);
    status_.Stage("count");
  }
  void OnCounted() override { status_.Stage("pages"); }
  void OnProgress(const CaptureProgress& progress) override { status_.Progress(progress); }
  void OnNote(std::string_view text) override { status_.Note(text); }

 private:
  const StatusReporter& status_;
  uint64_t hold_seconds_;
};

DumpId AttemptId(const Vmcore& vmcore, const DumpContents& contents, const KeyArming& arming, unsigned attempt) {
  std::array<uint8_t, 32> random{};
  RandomBytesNoWait(random);
  return MakeAttemptId({.seed = arming.seed.bytes(),
                        .attempt = attempt,
                        .crash_time = contents.crash_time,
                        .elf_notes = vmcore.notes(),
                        .log_buffer = BytesOf(contents.messages),
                        .random = random});
}

PipelineOptions WhatFits(const CaptureOptions& options, CaptureLog& log, CaptureListener& listener) {
  const PipelineOptions wanted = {.threads = options.threads, .compression = options.compression};
  const Result<std::string> meminfo = ReadTextFile("/proc/meminfo", 64 * kKiB);
  const std::optional<uint64_t> available = meminfo.ok() ? AvailableMemory(meminfo.value()) : std::nullopt;
  const PipelineOptions fitting = FitIntoMemory(wanted, available);
  if (fitting.threads != wanted.threads || fitting.compression != wanted.compression) {
    const std::string note = std::to_string(fitting.threads) + " of " + std::to_string(wanted.threads) +
                             " threads and level " + std::to_string(fitting.compression.highest) + " of " +
                             std::to_string(wanted.compression.highest) + " fit into half of the memory, " +
                             FormatSize(available.value_or(0)) + " in all";
    log.Add(note);
    listener.OnNote(note);
  }
  return fitting;
}

}  // namespace

Result<WriteDumpOutcome> RunCapture(const CaptureSource& source, DumpContents contents, const KeyArming& arming,
                                    ByteSink& sink, const CaptureOptions& options, const std::atomic<bool>& stop,
                                    const StatusReporter& status) {
  CaptureLog log;
  InitListener listener(status, options.hold_seconds);
  const Vmcore& vmcore = source.vmcore;
  const DumpParameters parameters = {.layout = arming.Layout(options.attempt),
                                     .attempt_id = AttemptId(vmcore, contents, arming, options.attempt),
                                     .attempt = options.attempt,
                                     .page_bytes = static_cast<uint32_t>(vmcore.page_size()),
                                     .crash_time = contents.crash_time};
  DumpWriter writer = TRY(DumpWriter::Create(sink, arming.credentials, parameters));

  std::unique_ptr<CapturePipeline> pipeline;
  if (options.attempt == 1 && !arming.extent.empty()) {
    Result<PageFiller> filler = PageFiller::Create(vmcore, source.memory, source.classifier, options.level);
    Result<std::unique_ptr<CapturePipeline>> created =
        filler.ok() ? CapturePipeline::Create(filler.TakeValue(), WhatFits(options, log, listener), stop)
                    : Result<std::unique_ptr<CapturePipeline>>(filler.error());
    if (created.ok()) {
      pipeline = created.TakeValue();
    } else {
      // The messages are what matters most, and they need none of this.
      log.Add(created.error().Prefixed("no pages").text());
      listener.OnNote(created.error().Prefixed("no pages").text());
    }
  }
  return WriteDump(writer, vmcore, std::move(contents), pipeline.get(), log, listener);
}

void ReportResult(const WriteDumpOutcome& outcome, const StatusReporter& status) {
  const DumpCounters& counters = outcome.counters;
  const char* kind = "incomplete";
  if (outcome.result == DumpResult::kComplete) kind = "complete";
  if (outcome.result == DumpResult::kMessagesOnly) kind = "messages-only";
  std::string text =
      std::to_string(counters.data_pages + counters.zero_pages) + " pages in " + FormatSize(counters.stored_bytes);
  if (counters.unreadable_pages != 0) text += ", " + std::to_string(counters.unreadable_pages) + " unreadable";
  if (outcome.result == DumpResult::kNoSpace) text += ", the space is full";
  if (outcome.result == DumpResult::kStopped) text += ", stopped";
  if (outcome.error) text += std::string(", ") + outcome.error->text();
  status.Result(kind, text);
}

}  // namespace crashdump
