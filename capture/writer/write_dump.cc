// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/write_dump.h"

#include <cinttypes>

#include "capture/writer/estimate.h"
#include "capture/writer/summary.h"
#include "common/base/text_record.h"

namespace crashdump {
namespace {

class Session {
 public:
  Session(DumpWriter& writer, CaptureLog& log, CaptureListener& listener)
      : writer_(writer), log_(log), listener_(listener) {}

  void Note(std::string_view text) {
    log_.Add(text);
    listener_.OnNote(text);
  }

  // A section that has no room is missed, and the dump goes on.
  Result<> Append(ObjectType type, std::string_view contents, const char* name) {
    Result<> appended = writer_.AppendSection(type, BytesOf(contents));
    if (appended.ok() || writer_.sink_failed() || appended.error().code() != ErrorCode::kNoSpace) return appended;
    Note(appended.error().Prefixed("%s left out", name).text());
    return {};
  }

  Result<> AppendMessages(std::string_view messages, uint64_t set_aside) {
    const uint64_t drop = TRY(writer_.MessagesToDrop(BytesOf(messages), set_aside));
    TRY(Append(ObjectType::kMessages, messages.substr(static_cast<size_t>(drop)), "messages"));
    if (drop != 0) {
      Note(Error::Format(ErrorCode::kNoSpace, "the oldest %" PRIu64 " of %zu bytes of messages had no room", drop,
                         messages.size())
               .text());
      TextRecord facts;
      facts.AddNumber("messages_dropped_bytes", drop);
      TRY(Append(ObjectType::kMachineFacts, facts.ToString(), "count of dropped messages"));
    }
    return {};
  }

  Result<> WriteMessages(const DumpContents& contents, bool messages_only) {
    // A dump of messages only has its summary behind them.
    constexpr uint64_t kSummaryBytes = 16 * kKiB;
    TRY(writer_.WriteHeader(), "header");
    TRY(Append(ObjectType::kMachineFacts, contents.machine_facts, "machine facts"));
    TRY(Append(ObjectType::kVmcoreinfo, contents.vmcoreinfo, "VMCOREINFO"));
    TRY(AppendMessages(contents.messages, kBehindMessagesBytes + (messages_only ? kSummaryBytes : 0)));
    TRY(writer_.FlushMessages());
    return {};
  }

  PipelineOutcome WritePages(const Vmcore& vmcore, CapturePipeline& pipeline) {
    const Result<> notes = Append(ObjectType::kElfNotes, TextOf(vmcore.notes()), "ELF notes");
    if (!notes.ok()) return {.result = DumpResult::kWriteError, .error = notes.error()};
    const PageFiller& filler = pipeline.filler();
    for (const std::string& note : filler.classifier().notes()) Note(note);
    const auto report = [this](const CaptureProgress& progress) { listener_.OnProgress(progress); };
    for (const std::string& doubt : pipeline.TakeCensus(report)) Note("every class is kept: " + doubt);
    for (const std::string& remark : filler.classifier().Remarks()) Note(remark);
    Note(filler.is_counted() ? PlanText(filler, writer_.data_bytes()) : "stopped while the pages were counted");
    listener_.OnCounted();
    Forecast forecast(writer_.data_bytes());
    PipelineOutcome outcome = pipeline.Run(writer_, [&](const CaptureProgress& progress) {
      report(progress);
      if (const std::string text = forecast.Update(progress); !text.empty()) Note(text);
    });
    if (const auto& failure = filler.first_failure()) {
      Note(failure->error
               .Prefixed("page frame %#" PRIx64 " is the first of %" PRIu64 " unreadable ones", failure->pfn,
                         writer_.counters().unreadable_pages)
               .text());
    }
    if (const uint64_t changed = filler.changed_sections(); changed != 0) {
      Note("pages are missing: the struct pages of " + std::to_string(changed) +
           " sections of memory were others when they were read again");
    }
    return outcome;
  }

 private:
  DumpWriter& writer_;
  CaptureLog& log_;
  CaptureListener& listener_;
};

}  // namespace

Result<WriteDumpOutcome> WriteDump(DumpWriter& writer, const Vmcore& vmcore, DumpContents contents,
                                   CapturePipeline* pipeline, CaptureLog& log, CaptureListener& listener) {
  const Stopwatch stopwatch;
  Session session(writer, log, listener);
  if (contents.messages_error) session.Note(contents.messages_error->Prefixed("no panic messages").text());
  TRY(session.WriteMessages(contents, pipeline == nullptr), "panic messages");
  listener.OnMessagesSafe();
  contents = DumpContents();  // its memory

  PipelineOutcome pages = {.result = DumpResult::kMessagesOnly, .error = std::nullopt};
  if (pipeline != nullptr) pages = session.WritePages(vmcore, *pipeline);
  if (pages.error) log.Add(pages.error->text());
  WriteDumpOutcome outcome = {.result = pages.result, .counters = writer.counters(), .error = pages.error};
  const Result<> finished = writer.Finish(
      pages.result, SummaryText(writer.counters(), pipeline, pages.complete_passes, stopwatch.Milliseconds(), log));
  // The first error is the cause.
  if (!finished.ok() && !outcome.error) {
    outcome.result = DumpResult::kWriteError;
    outcome.error = finished.error().Prefixed("end of the dump");
  }
  return outcome;
}

}  // namespace crashdump
