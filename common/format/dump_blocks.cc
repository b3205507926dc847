// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/dump_blocks.h"

#include <algorithm>

namespace crashdump {
namespace {

Error Wrong(const char* what, const char* fact) { return Error::Format(ErrorCode::kCorrupt, "%s: %s", what, fact); }

}  // namespace

Result<DumpHeader> ParseHeader(const OpenedObject& object, KeyKind kind) {
  if (object.type != ObjectType::kHeader || object.sequence != 0 || object.payload.size() != HeaderPayloadBytes(kind)) {
    return Wrong("header", "another object stands in its place");
  }
  const auto payload = LoadObject<HeaderPayload>(object.payload.first(sizeof(HeaderPayload)));
  DumpHeader header{.layout = {.header = payload.header_offset,
                               .trailer = payload.trailer_offset,
                               .messages = {payload.messages_begin, payload.messages_end},
                               .data = {payload.data_begin, payload.data_end}},
                    .attempt_id = object.attempt_id,
                    .attempt = payload.attempt,
                    .page_bytes = payload.page_bytes,
                    .crash_time = payload.crash_time};
  if (!Equal(payload.magic, kHeaderMagic) || !AllZero(payload.reserved)) return Wrong("header", "not a header inside");
  if (header.attempt < 1 || header.attempt > kAttempts) return Wrong("header", "impossible attempt");
  if (!IsPowerOfTwo(header.page_bytes) || header.page_bytes < kMinPageBytes || header.page_bytes > kMaxPageBytes) {
    return Wrong("header", "impossible page size");
  }
  TRY(CheckLayout(header.layout), "header");
  return header;
}

Result<DumpTrailer> ParseTrailer(const OpenedObject& object, const DumpLayout& layout) {
  if (object.type != ObjectType::kTrailer || object.payload.size() != sizeof(TrailerPayload)) {
    return Wrong("trailer", "another object stands in its place");
  }
  const auto payload = LoadObject<TrailerPayload>(object.payload);
  DumpTrailer trailer{.result = static_cast<DumpResult>(uint32_t{payload.result}),
                      .object_count = payload.object_count,
                      .messages_end = payload.messages_end,
                      .data_end = payload.data_end,
                      .last_index_offset = payload.last_index_offset,
                      .summary_offset = payload.summary_offset,
                      .chunk_count = payload.chunk_count,
                      .data_pages = payload.data_pages,
                      .zero_pages = payload.zero_pages,
                      .unreadable_pages = payload.unreadable_pages};
  std::copy(std::begin(payload.tags_hash), std::end(payload.tags_hash), trailer.tags_hash.begin());
  if (!Equal(payload.magic, kTrailerMagic) || payload.reserved_1 != 0 || !AllZero(payload.reserved_2) ||
      trailer.result < DumpResult::kComplete || trailer.result > DumpResult::kWriteError) {
    return Wrong("trailer", "not a trailer inside");
  }
  if (object.sequence != trailer.object_count) return Wrong("trailer", "not in its turn");
  if (trailer.messages_end < layout.messages.begin || trailer.messages_end > layout.messages.end ||
      trailer.data_end < layout.data.begin || trailer.data_end > layout.data.end) {
    return Wrong("trailer", "it ends outside the dump's places");
  }
  return trailer;
}

const char* DumpResultName(DumpResult result) {
  switch (result) {
    case DumpResult::kComplete:
      return "complete";
    case DumpResult::kNoSpace:
      return "no space";
    case DumpResult::kReadErrors:
      return "read errors";
    case DumpResult::kMessagesOnly:
      return "messages only";
    case DumpResult::kStopped:
      return "stopped";
    case DumpResult::kWriteError:
      return "write error";
  }
  return "unknown";
}

const char* DumpStateName(DumpState state) {
  switch (state) {
    case DumpState::kComplete:
      return "complete";
    case DumpState::kIncomplete:
      return "incomplete";
    case DumpState::kTorn:
      return "torn";
  }
  return "unknown";
}

}  // namespace crashdump
