// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/dump_verifier.h"

#include <algorithm>
#include <cinttypes>

#include "common/format/page_index.h"

namespace crashdump {
namespace {

// What a trailer that is not "complete" means for people.
const char* ResultReason(DumpResult result) {
  switch (result) {
    case DumpResult::kComplete:
      return "";
    case DumpResult::kNoSpace:
      return "the space for pages was full before all were written";
    case DumpResult::kReadErrors:
      return "some pages could not be read";
    case DumpResult::kMessagesOnly:
      return "messages only, no pages were written";
    case DumpResult::kStopped:
      return "capture was stopped before all pages were written";
    case DumpResult::kWriteError:
      return "the target failed while pages were written";
  }
  return "unknown result";
}

// Whether trying again may help: the bytes were not read, as opposed to read and wrong.
bool IsReadError(const std::optional<Error>& error) {
  return error && error->code() != ErrorCode::kNotFound && error->code() != ErrorCode::kCorrupt &&
         error->code() != ErrorCode::kUnsupported;
}

}  // namespace

IndexEntry IndexEntryOf(const OpenedObject& object, const std::vector<ChunkRun>& runs) {
  const ChunkSummary summary = Summarize(runs);
  return {.offset = object.offset,
          .first_pfn = summary.first_pfn,
          .end_pfn = summary.end_pfn,
          .data_pages = summary.data_pages,
          .stored_length = static_cast<uint32_t>(object.stored_length)};
}

DumpVerifier::DumpVerifier(const DumpHeader& header, const Hash& header_tag) : header_(header) {
  tags_.Update(header_tag);
}

Result<> DumpVerifier::CheckChunk(const OpenedObject& object) {
  TRY(ParseChunk(object.payload, header_.page_bytes, runs_), "offset %" PRIu64, object.offset);
  if (unindexed_.size() == kIndexMaxEntries) {
    return Error::Format(ErrorCode::kCorrupt, "page chunk at offset %" PRIu64 ": %" PRIu32 " chunks without an index",
                         object.offset, kIndexMaxEntries);
  }
  for (const ChunkRun& run : runs_) {
    TRY(pages_.Add(run.first_pfn, run.page_count), "page chunk at offset %" PRIu64, object.offset);
  }
  const ChunkSummary summary = Summarize(runs_);
  data_pages_ += summary.data_pages;
  zero_pages_ += summary.zero_pages;
  unreadable_pages_ += summary.unreadable_pages;
  chunks_ += 1;
  unindexed_.push_back(IndexEntryOf(object, runs_));
  return {};
}

Result<> DumpVerifier::CheckIndex(const OpenedObject& object) {
  const IndexSegment segment = TRY(ParseIndexSegment(object.payload, header_.layout.data.begin, object.offset));
  const bool same = std::equal(segment.entries.begin(), segment.entries.end(), unindexed_.begin(), unindexed_.end(),
                               [](const IndexEntry& a, const IndexEntry& b) { return Equal(BytesOf(a), BytesOf(b)); });
  if (!same || segment.previous_offset != last_index_offset_) {
    return Error::Format(ErrorCode::kCorrupt, "index segment at offset %" PRIu64 ": not what was written before it",
                         object.offset);
  }
  unindexed_.clear();
  last_index_offset_ = object.offset;
  return {};
}

Result<> DumpVerifier::Check(const OpenedObject& object) {
  stopped_at_ = object.offset;
  runs_.clear();
  if (summary_offset_ != 0 || (object.type == ObjectType::kElfNotes && chunks_ != 0)) {
    return Error::Format(ErrorCode::kCorrupt, "%s at offset %" PRIu64 ": not in this order",
                         ObjectTypeName(object.type), object.offset);
  }
  if (object.type == ObjectType::kChunk) {
    const Result<> checked = CheckChunk(object);
    if (!checked.ok()) {
      runs_.clear();
      return checked;
    }
  }
  if (object.type == ObjectType::kIndex) TRY(CheckIndex(object));
  if (object.type == ObjectType::kSummary) summary_offset_ = object.offset;
  tags_.Update(object.tag);
  objects_ += 1;
  return {};
}

// The first thing that the trailer says and the walk does not confirm.
std::optional<Error> DumpVerifier::Contradiction(const ObjectWalk& walk, const DumpTrailer& trailer) const {
  if (walk.messages_end() != trailer.messages_end) {
    return Error::Format(ErrorCode::kCorrupt, "messages damaged: %s", walk.messages_error()->text());
  }
  if (walk.position() != trailer.data_end) return walk.end_error();
  const std::pair<const char*, bool> facts[] = {
      {"number of objects", objects_ == trailer.object_count},
      {"hash over all tags", ConstantTimeEqual(tags_.Current(), trailer.tags_hash)},
      {"index", unindexed_.empty() && last_index_offset_ == trailer.last_index_offset},
      {"summary", summary_offset_ == trailer.summary_offset},
      {"number of chunks", chunks_ == trailer.chunk_count},
      {"number of pages", data_pages_ == trailer.data_pages && zero_pages_ == trailer.zero_pages &&
                              unreadable_pages_ == trailer.unreadable_pages},
  };
  for (const auto& [fact, agrees] : facts) {
    if (!agrees) return Error::Format(ErrorCode::kCorrupt, "the trailer states another %s", fact);
  }
  return std::nullopt;
}

DumpVerdict DumpVerifier::Judge(const ObjectWalk& walk, const std::optional<DumpTrailer>& trailer,
                                const std::optional<Error>& trailer_error, const std::optional<Error>& refused) const {
  DumpVerdict verdict{.objects = objects_,
                      .chunks = chunks_,
                      .data_pages = data_pages_,
                      .zero_pages = zero_pages_,
                      .unreadable_pages = unreadable_pages_};
  // A walk that found no data stopped in the messages, unless there are data for certain.
  const bool data_seen =
      walk.position() != header_.layout.data.begin || (trailer && trailer->data_end != header_.layout.data.begin);
  verdict.stopped_at = refused ? stopped_at_ : data_seen ? walk.position() : walk.messages_end();
  verdict.read_error =
      IsReadError(walk.messages_error()) || IsReadError(walk.end_error()) || IsReadError(trailer_error);
  if (refused) {
    verdict.reason = refused->text();
    return verdict;
  }
  if (!trailer) {
    verdict.reason = std::string("it has no valid trailer (") + (trailer_error ? trailer_error->text() : "absent") +
                     "); it ends with " + walk.end_error()->text();
    return verdict;
  }
  if (const std::optional<Error> contradiction = Contradiction(walk, *trailer)) {
    verdict.reason = contradiction->text();
    return verdict;
  }
  const bool complete = trailer->result == DumpResult::kComplete && unreadable_pages_ == 0;
  verdict.state = complete ? DumpState::kComplete : DumpState::kIncomplete;
  if (!complete) {
    verdict.reason = ResultReason(trailer->result == DumpResult::kComplete ? DumpResult::kReadErrors : trailer->result);
  }
  return verdict;
}

}  // namespace crashdump
