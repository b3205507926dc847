// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/local_dumps.h"

#include <optional>
#include <utility>

#include "recover/vmcore_exporter.h"

namespace crashdump {
namespace {

class LocalDump final : public DumpSource {
 public:
  LocalDump(DumpReader reader, const PublishOptions& options) : reader_(std::move(reader)), options_(options) {}

  const DumpHeader& header() const override { return reader_.header(); }

  Result<DumpSurvey> Survey() override {
    image_ = TRY(DumpImage::Read(reader_, FirstTime(reader_, options_.progress)));
    const DumpVerdict& verdict = image_->verdict();
    // What has been verified, not what another look at the disk may give.
    const DumpSections& sections = image_->sections();
    DumpSurvey survey = {.state = verdict.state,
                         .reason = verdict.reason,
                         .read_error = verdict.read_error,
                         .data_pages = verdict.data_pages,
                         .zero_pages = verdict.zero_pages,
                         .unreadable_pages = verdict.unreadable_pages,
                         .messages = sections.messages,
                         .machine_facts = sections.machine_facts,
                         .summary = sections.summary};
    if (survey.page_count() == 0) return survey;
    Result<std::unique_ptr<VmcoreExporter>> made = MakeExporter(options_.format, reader_, *image_, options_.encode);
    if (!made.ok() && made.error().code() == ErrorCode::kUnsupported) {
      // A format that has no place for this machine's memory must not keep the messages back; our own takes all.
      made = MakeExporter(VmcoreFormat::kCrashdump, reader_, *image_, options_.encode);
    }
    exporter_ = TRY(std::move(made));
    survey.format = exporter_->format();
    survey.expected_bytes = exporter_->ExpectedBytes();
    return survey;
  }

  Result<DumpSurvey> SurveyTexts() override {
    DumpSections sections = reader_.ReadSections();
    return DumpSurvey{.reason = sections.damage,
                      .messages = std::move(sections.messages),
                      .machine_facts = std::move(sections.machine_facts),
                      .summary = std::move(sections.summary)};
  }

  Result<uint64_t> WriteVmcore(ByteSink& sink) override {
    Require(exporter_ != nullptr);
    return exporter_->Write(sink, SecondTime(*image_, options_.progress));
  }

 private:
  DumpReader reader_;
  PublishOptions options_;
  std::optional<DumpImage> image_;
  std::unique_ptr<VmcoreExporter> exporter_;
};

class LocalDumps final : public RegionDumps {
 public:
  LocalDumps(const ByteSource& region, const KeyRecord& record, const PublishOptions& options)
      : region_(region), record_(record), options_(options) {}

  Result<AttemptStates> Inspect() override { return InspectAttempts(region_, record_); }

  Result<std::unique_ptr<DumpSource>> Open(uint32_t attempt) override {
    DumpReader reader = TRY(DumpReader::Open(region_, record_.Layout(attempt), record_.credentials));
    return std::unique_ptr<DumpSource>(std::make_unique<LocalDump>(std::move(reader), options_));
  }

 private:
  const ByteSource& region_;
  const KeyRecord& record_;
  PublishOptions options_;
};

}  // namespace

std::unique_ptr<RegionDumps> MakeLocalDumps(const ByteSource& region, const KeyRecord& record,
                                            const PublishOptions& options) {
  return std::make_unique<LocalDumps>(region, record, options);
}

}  // namespace crashdump
