// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/dump_repacker.h"

#include <algorithm>
#include <array>
#include <cinttypes>

#include "common/format/dump_writer.h"

namespace crashdump {
namespace {

// Knows how long the file becomes.
class MeasuredSink final : public ByteSink {
 public:
  explicit MeasuredSink(ByteSink& sink) : sink_(sink) {}
  Result<> WriteAt(uint64_t offset, Bytes data) override {
    end_ = std::max(end_, offset + data.size());
    return sink_.WriteAt(offset, data);
  }
  Result<> Flush() override { return sink_.Flush(); }
  uint64_t end() const { return end_; }

 private:
  ByteSink& sink_;
  uint64_t end_ = 0;
};

class ChunkCopier final : public DumpVisitor {
 public:
  ChunkCopier(DumpWriter& writer, const ExportProgress& progress) : writer_(writer), progress_(progress) {}
  Result<> OnSection(ObjectType, Bytes) override { return {}; }
  Result<> OnChunk(uint64_t, const CompressedChunk& chunk) override { return writer_.AppendChunk(chunk); }
  Result<> OnPages(PageKind, uint64_t, uint32_t page_count, Bytes) override {
    pages_ += page_count;
    if (progress_) progress_(pages_);
    return {};
  }

 private:
  DumpWriter& writer_;
  const ExportProgress& progress_;
  uint64_t pages_ = 0;
};

// What the file's trailer is to say. Of a dump that broke off there is no trailer to ask.
DumpResult ResultOf(const DumpReader& reader, const DumpVerdict& verdict) {
  if (verdict.state == DumpState::kComplete) return DumpResult::kComplete;
  return verdict.state == DumpState::kIncomplete && reader.trailer() ? reader.trailer()->result : DumpResult::kStopped;
}

}  // namespace

Result<DumpRepacker> DumpRepacker::Create(DumpReader& reader, const DumpImage& image) {
  DumpRepacker repacker(reader, image);
  const DumpSections& sections = image.sections();
  const std::array<DumpSection, 3> messages = {{
      {ObjectType::kMachineFacts, BytesOf(std::string_view(sections.machine_facts))},
      {ObjectType::kVmcoreinfo, BytesOf(std::string_view(sections.vmcoreinfo))},
      {ObjectType::kMessages, BytesOf(std::string_view(sections.messages))},
  }};
  repacker.messages_bytes_ = TRY(DumpWriter::MeasureMessages(messages));
  return repacker;
}

uint64_t DumpRepacker::ExpectedBytes() const {
  return messages_bytes_ + image_->sections().elf_notes.size() + image_->stored_bytes();
}

Result<uint64_t> DumpRepacker::Write(ByteSink& sink, const ExportProgress& progress) const {
  const DumpHeader& header = reader_->header();
  MeasuredSink measured(sink);
  DumpWriter writer = TRY(DumpWriter::Create(measured, DumpCredentials(),
                                             {.layout = FileLayout(messages_bytes_),
                                              .attempt_id = header.attempt_id,
                                              .attempt = 1,
                                              .page_bytes = header.page_bytes,
                                              .crash_time = header.crash_time}));
  TRY(writer.WriteHeader());
  TRY(writer.AppendSection(ObjectType::kMachineFacts, BytesOf(std::string_view(image_->sections().machine_facts))));
  TRY(writer.AppendSection(ObjectType::kVmcoreinfo, BytesOf(std::string_view(image_->sections().vmcoreinfo))));
  TRY(writer.AppendSection(ObjectType::kMessages, BytesOf(std::string_view(image_->sections().messages))));
  TRY(writer.FlushMessages());
  TRY(writer.AppendSection(ObjectType::kElfNotes, BytesOf(std::string_view(image_->sections().elf_notes))));
  ChunkCopier copier(writer, progress);
  const DumpVerdict verdict = TRY(reader_->Walk(copier));
  if (verdict.chunks != image_->verdict().chunks) {
    return Error::Format(
        ErrorCode::kCorrupt, "the dump changes while it is read: %" PRIu64 " of %" PRIu64 " chunks the second time%s%s",
        verdict.chunks, image_->verdict().chunks, verdict.reason.empty() ? "" : ": ", verdict.reason.c_str());
  }
  TRY(writer.Finish(ResultOf(*reader_, verdict), image_->sections().summary));
  return measured.end();
}

}  // namespace crashdump
