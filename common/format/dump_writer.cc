// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/dump_writer.h"

#include <algorithm>
#include <array>
#include <cinttypes>

#include "common/crypto/crypto.h"
#include "common/format/dump_blocks.h"
#include "common/format/frame.h"
#include "common/format/object.h"

namespace crashdump {
namespace {

// Objects are sealed in this buffer and leave it in writes of whole disk units. Large enough for the largest object
// behind an incomplete unit, and small enough for a capture kernel.
constexpr uint64_t kBatchBytes = 512 * kKiB;
static_assert(kBatchBytes >= kMaxObjectBytes + kDiskUnit + kObjectAlignment);

// Sections are small; level 1 needs least memory.
constexpr int kSectionLevel = 1;

constexpr uint64_t WorstObjectBytes(uint64_t plain_length) {
  return AlignUp(ObjectBytes(MaxStoredLength(plain_length)), kObjectAlignment);
}
// Set aside at the end of the data range, whatever comes: one index segment and the summary. Both may begin behind
// up to kObjectAlignment - 1 bytes of zeros, which the rounding of the sizes covers.
constexpr uint64_t kSetAsideBytes = WorstObjectBytes(kIndexMaxPlainBytes) + WorstObjectBytes(kSummaryMaxBytes);

bool StandsInMessages(ObjectType type) {
  return type == ObjectType::kMachineFacts || type == ObjectType::kVmcoreinfo || type == ObjectType::kMessages;
}

// Where the next object ends if the one before it ended at `end`.
uint64_t NextEnd(uint64_t end, uint64_t stored_length) {
  return AlignUp(end, kObjectAlignment) + ObjectBytes(stored_length);
}

// The pieces of a section: all of kSectionPieceBytes but the last.
Bytes TakePiece(Bytes& contents) {
  const Bytes piece = contents.first(std::min<size_t>(contents.size(), kSectionPieceBytes));
  contents = contents.subspan(piece.size());
  return piece;
}

// Where the section ends if it begins behind `end`. `scratch` has room for any frame of a piece.
Result<uint64_t> MeasureSection(FrameCompressor& compressor, MutableBytes scratch, Bytes contents, uint64_t end) {
  while (!contents.empty()) {
    const Bytes frame = TRY(compressor.Compress(TakePiece(contents), scratch));
    end = NextEnd(end, frame.size());
  }
  return end;
}

enum class Phase { kCreated, kMessages, kNotes, kPages, kFinished };

}  // namespace

struct DumpWriter::State {
  State(ByteSink& dump_sink, DumpCredentials dump_credentials, const DumpParameters& dump_parameters,
        AlignedMemory batch_memory, AlignedMemory index_memory, FrameCompressor section_compressor)
      : sink(dump_sink),
        credentials(std::move(dump_credentials)),
        parameters(dump_parameters),
        batch(std::move(batch_memory)),
        index(std::move(index_memory)),
        compressor(std::move(section_compressor)),
        messages_end(parameters.layout.messages.begin),
        data_end(parameters.layout.data.begin) {}

  const DumpLayout& layout() const { return parameters.layout; }
  bool has_data() const { return !layout().data.empty(); }

  Result<> Want(bool allowed, const char* call) const;
  Result<> Fail(Error error);
  Result<> WriteBatch(uint64_t bytes);
  Result<> FlushBatch();
  void BeginRange(uint64_t offset);
  Result<MutableBytes> ReserveObject(uint64_t stored_bytes);
  MutableBytes Scratch() const;
  uint64_t SealReserved(ObjectType type, uint64_t plain_length, uint64_t stored_length);
  Result<uint64_t> AppendPayload(ObjectType type, Bytes plain, uint64_t limit);
  Result<> WriteIndexSegment();
  Result<> WriteSummary(std::string_view summary);
  Result<> WriteTrailer(DumpResult result);
  Result<> WriteBlock(ObjectType type, uint64_t offset, Bytes payload);

  ByteSink& sink;
  DumpCredentials credentials;
  DumpParameters parameters;
  AlignedMemory batch;
  AlignedMemory index;  // payload of the next index segment: IndexPrefix and entries
  FrameCompressor compressor;

  Phase phase = Phase::kCreated;
  bool failed = false;
  HashStream tags;
  uint64_t batch_offset = 0;  // on the target, of the batch's first byte
  uint64_t batch_used = 0;    // bytes in the batch; behind the last object there is no padding yet
  uint64_t messages_end;      // end of the last object there
  uint64_t data_end;
  uint32_t index_entries = 0;
  uint64_t last_index_offset = 0;
  uint64_t summary_offset = 0;
  DumpCounters counters;
};

Result<> DumpWriter::State::Want(bool allowed, const char* call) const {
  if (failed && phase != Phase::kFinished) {
    return Error::Format(ErrorCode::kRefused, "%s: the target failed before", call);
  }
  if (!allowed) return Error::Format(ErrorCode::kInvalidArgument, "%s: not in this order", call);
  return {};
}

Result<> DumpWriter::State::Fail(Error error) {
  failed = true;
  return error;
}

// Writes the first `bytes` of the batch, whole disk units, and moves what is behind them to the front.
Result<> DumpWriter::State::WriteBatch(uint64_t bytes) {
  if (bytes == 0) return {};
  const Result<> written = sink.WriteAt(batch_offset, {batch.get(), static_cast<size_t>(bytes)});
  if (!written.ok()) return Fail(written.error());
  const uint64_t rest = batch_used > bytes ? batch_used - bytes : 0;
  memmove(batch.get(), batch.get() + bytes, static_cast<size_t>(rest));
  batch_offset += bytes;
  batch_used = rest;
  return {};
}

// Writes everything; the last unit is filled up with zeros, and no later write touches it.
Result<> DumpWriter::State::FlushBatch() {
  const uint64_t padded = AlignUp(batch_used, kDiskUnit);
  memset(batch.get() + batch_used, 0, static_cast<size_t>(padded - batch_used));
  return WriteBatch(padded);
}

void DumpWriter::State::BeginRange(uint64_t offset) {
  batch_offset = offset;
  batch_used = 0;
}

// Makes room for an object with up to `stored_bytes` behind what is in the batch, at the next multiple of
// kObjectAlignment, and gives that room. Nothing changes for who reads the batch until SealReserved().
Result<MutableBytes> DumpWriter::State::ReserveObject(uint64_t stored_bytes) {
  const uint64_t needed = ObjectBytes(stored_bytes);
  if (AlignUp(batch_used, kObjectAlignment) + needed > kBatchBytes) TRY(WriteBatch(AlignDown(batch_used, kDiskUnit)));
  const uint64_t begin = AlignUp(batch_used, kObjectAlignment);
  Require(begin + needed <= kBatchBytes);
  return MutableBytes(batch.get() + begin, static_cast<size_t>(needed));
}

// Turns the payload that was put into the reserved room into the next object. Returns its offset.
uint64_t DumpWriter::State::SealReserved(ObjectType type, uint64_t plain_length, uint64_t stored_length) {
  const uint64_t begin = AlignUp(batch_used, kObjectAlignment);
  memset(batch.get() + batch_used, 0, static_cast<size_t>(begin - batch_used));
  const ObjectPlace place{
      .type = type, .attempt_id = parameters.attempt_id, .sequence = counters.objects, .offset = batch_offset + begin};
  const MutableBytes object(batch.get() + begin, static_cast<size_t>(ObjectBytes(stored_length)));
  tags.Update(SealObject(credentials, place, plain_length, object));
  batch_used = begin + object.size();
  counters.objects += 1;
  counters.stored_bytes += object.size();
  (layout().messages.Contains(place.offset) ? messages_end : data_end) = place.offset + object.size();
  return place.offset;
}

// Compresses and appends one object that must end at or before `limit`; kNoSpace, and nothing happened, if it does not.
// Returns its offset.
Result<uint64_t> DumpWriter::State::AppendPayload(ObjectType type, Bytes plain, uint64_t limit) {
  const MutableBytes room = TRY(ReserveObject(MaxStoredLength(plain.size())));
  const Bytes frame = TRY(compressor.Compress(plain, room.subspan(sizeof(ObjectHeader))));
  if (NextEnd(batch_offset + batch_used, frame.size()) > limit) {
    return Error::Format(ErrorCode::kNoSpace, "%s of %zu bytes does not fit", ObjectTypeName(type), plain.size());
  }
  return SealReserved(type, plain.size(), frame.size());
}

Result<> DumpWriter::State::WriteIndexSegment() {
  if (index_entries == 0) return {};
  const IndexPrefix prefix{.previous_offset = last_index_offset, .entry_count = index_entries, .reserved = 0};
  memcpy(index.get(), &prefix, sizeof(prefix));
  const uint64_t bytes = sizeof(prefix) + uint64_t{index_entries} * sizeof(IndexEntry);
  last_index_offset =
      TRY(AppendPayload(ObjectType::kIndex, {index.get(), static_cast<size_t>(bytes)}, layout().data.end));
  index_entries = 0;
  return {};
}

Result<> DumpWriter::State::WriteSummary(std::string_view summary) {
  const Bytes text = BytesOf(summary.substr(0, kSummaryMaxBytes));
  if (text.empty()) return {};
  const Result<uint64_t> offset =
      AppendPayload(ObjectType::kSummary, text, has_data() ? layout().data.end : layout().messages.end);
  if (offset.ok()) {
    summary_offset = offset.value();
    return {};
  }
  // No room is set aside in a range that is smaller than that, nor in the messages: the dump is good without it.
  if (offset.error().code() == ErrorCode::kNoSpace) return {};
  return offset.error();
}

// Seals an object of raw payload in the empty batch and writes it as the one block that it has.
Result<> DumpWriter::State::WriteBlock(ObjectType type, uint64_t offset, Bytes payload) {
  BeginRange(offset);
  const MutableBytes room = TRY(ReserveObject(payload.size()));
  memcpy(room.subspan(sizeof(ObjectHeader)).data(), payload.data(), payload.size());
  const ObjectPlace place{
      .type = type, .attempt_id = parameters.attempt_id, .sequence = counters.objects, .offset = offset};
  tags.Update(SealObject(credentials, place, payload.size(), room));
  batch_used = room.size();
  counters.objects += 1;
  counters.stored_bytes += room.size();
  return FlushBatch();
}

Result<> DumpWriter::State::WriteTrailer(DumpResult result) {
  TrailerPayload payload{};
  std::copy(kTrailerMagic.begin(), kTrailerMagic.end(), payload.magic);
  payload.result = static_cast<uint32_t>(result);
  payload.object_count = counters.objects;
  const Hash hash = tags.Current();
  std::copy(hash.begin(), hash.end(), payload.tags_hash);
  payload.messages_end = messages_end;
  payload.data_end = data_end;
  payload.last_index_offset = last_index_offset;
  payload.summary_offset = summary_offset;
  payload.chunk_count = counters.chunks;
  payload.data_pages = counters.data_pages;
  payload.zero_pages = counters.zero_pages;
  payload.unreadable_pages = counters.unreadable_pages;
  return WriteBlock(ObjectType::kTrailer, layout().trailer, BytesOf(payload));
}

DumpWriter::DumpWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
DumpWriter::DumpWriter(DumpWriter&&) noexcept = default;
DumpWriter& DumpWriter::operator=(DumpWriter&&) noexcept = default;
DumpWriter::~DumpWriter() = default;

Result<DumpWriter> DumpWriter::Create(ByteSink& sink, const DumpCredentials& credentials,
                                      const DumpParameters& parameters) {
  TRY(CheckLayout(parameters.layout));
  if (parameters.attempt < 1 || parameters.attempt > kAttempts || !IsPowerOfTwo(parameters.page_bytes) ||
      parameters.page_bytes < kMinPageBytes || parameters.page_bytes > kMaxPageBytes) {
    return Error::Format(ErrorCode::kInvalidArgument, "dump: attempt %" PRIu32 ", pages of %" PRIu32 " bytes",
                         parameters.attempt, parameters.page_bytes);
  }
  if (credentials.version != kDumpVersion) {
    return Error::Format(ErrorCode::kUnsupported, "dump: version %u", unsigned{credentials.version});
  }
  AlignedMemory batch = TRY(AllocateAligned(kBatchBytes));
  AlignedMemory index = TRY(AllocateAligned(kIndexMaxPlainBytes));
  // One segment's compressor serves sections too: kIndexMaxPlainBytes is less than kSectionPieceBytes.
  static_assert(kIndexMaxPlainBytes <= kSectionPieceBytes);
  FrameCompressor compressor = TRY(FrameCompressor::Create(kSectionLevel, kSectionPieceBytes));
  return DumpWriter(std::make_unique<State>(sink, credentials.Copy(), parameters, std::move(batch), std::move(index),
                                            std::move(compressor)));
}

Result<uint64_t> DumpWriter::MeasureMessages(std::span<const DumpSection> sections) {
  FrameCompressor compressor = TRY(FrameCompressor::Create(kSectionLevel, kSectionPieceBytes));
  AlignedMemory scratch = TRY(AllocateAligned(MaxStoredLength(kSectionPieceBytes)));
  uint64_t end = 0;
  for (const DumpSection& section : sections) {
    end = TRY(MeasureSection(compressor, {scratch.get(), MaxStoredLength(kSectionPieceBytes)}, section.contents, end));
  }
  return AlignUp(end, kDiskUnit);
}

Result<> DumpWriter::WriteHeader() {
  State& state = *state_;
  TRY(state.Want(state.phase == Phase::kCreated, "WriteHeader"));
  HeaderPayload payload{};
  std::copy(kHeaderMagic.begin(), kHeaderMagic.end(), payload.magic);
  payload.attempt = state.parameters.attempt;
  payload.page_bytes = state.parameters.page_bytes;
  payload.crash_time = state.parameters.crash_time;
  payload.header_offset = state.layout().header;
  payload.trailer_offset = state.layout().trailer;
  payload.messages_begin = state.layout().messages.begin;
  payload.messages_end = state.layout().messages.end;
  payload.data_begin = state.layout().data.begin;
  payload.data_end = state.layout().data.end;
  state.phase = Phase::kMessages;
  std::array<uint8_t, HeaderPayloadBytes(KeyKind::kSealed)> header{};
  memcpy(header.data(), &payload, sizeof(payload));
  memcpy(header.data() + sizeof(payload), state.credentials.sealed_key.data(), state.credentials.sealed_key.size());
  const size_t bytes = HeaderPayloadBytes(state.credentials.kind);
  TRY(state.WriteBlock(ObjectType::kHeader, state.layout().header, Bytes(header).first(bytes)));
  state.BeginRange(state.layout().messages.begin);
  return {};
}

Result<> DumpWriter::AppendSection(ObjectType type, Bytes contents) {
  State& state = *state_;
  const bool in_messages = StandsInMessages(type);
  TRY(state.Want(
      in_messages ? state.phase == Phase::kMessages : type == ObjectType::kElfNotes && state.phase == Phase::kNotes,
      "AppendSection"));
  const uint64_t limit = in_messages                                   ? state.layout().messages.end
                         : state.layout().data.size() > kSetAsideBytes ? state.layout().data.end - kSetAsideBytes
                                                                       : state.layout().data.begin;
  if (!contents.empty()) {
    // All or nothing: measured first, in room that the first piece needs anyway.
    const MutableBytes scratch = TRY(state.ReserveObject(MaxStoredLength(kSectionPieceBytes)));
    const uint64_t end =
        TRY(MeasureSection(state.compressor, scratch, contents, state.batch_offset + state.batch_used));
    if (end > limit) {
      return Error::Format(ErrorCode::kNoSpace,
                           "%s of %zu bytes needs room up to offset %" PRIu64 ", has up to %" PRIu64,
                           ObjectTypeName(type), contents.size(), end, limit);
    }
  }
  while (!contents.empty()) TRY(state.AppendPayload(type, TakePiece(contents), limit));
  return {};
}

Result<uint64_t> DumpWriter::MessagesToDrop(Bytes log, uint64_t set_aside) {
  State& state = *state_;
  TRY(state.Want(state.phase == Phase::kMessages, "MessagesToDrop"));
  const MutableBytes scratch = TRY(state.ReserveObject(MaxStoredLength(kSectionPieceBytes)));
  const uint64_t begin = state.batch_offset + state.batch_used;
  const uint64_t end = state.layout().messages.end;
  const uint64_t room_end = end - std::min(set_aside, end - begin);

  // First what whole pieces need, from the newest backwards: each is compressed once. Then that answer, moved to the
  // next line, is measured as it will be written, and moved on until it fits: pieces then begin elsewhere.
  uint64_t drop = log.size();
  uint64_t used = begin;
  while (drop > 0) {
    const uint64_t piece_begin = drop > kSectionPieceBytes ? drop - kSectionPieceBytes : 0;
    const Bytes piece = log.subspan(static_cast<size_t>(piece_begin), static_cast<size_t>(drop - piece_begin));
    used = TRY(MeasureSection(state.compressor, scratch, piece, used));
    if (used > room_end) break;
    drop = piece_begin;
  }
  while (drop < log.size()) {
    if (drop > 0) {
      const Bytes rest = log.subspan(static_cast<size_t>(drop));
      const auto newline = std::find(rest.begin(), rest.end(), uint8_t{'\n'});
      if (newline != rest.end() && newline + 1 != rest.end()) drop += static_cast<uint64_t>(newline - rest.begin()) + 1;
    }
    used = TRY(MeasureSection(state.compressor, scratch, log.subspan(static_cast<size_t>(drop)), begin));
    if (used <= room_end) break;
    drop = std::min<uint64_t>(log.size(), drop + kDiskUnit);
  }
  return drop;
}

Result<> DumpWriter::FlushMessages() {
  State& state = *state_;
  TRY(state.Want(state.phase == Phase::kMessages, "FlushMessages"));
  TRY(state.FlushBatch());
  const Result<> flushed = state.sink.Flush();
  if (!flushed.ok()) return state.Fail(flushed.error());
  state.phase = Phase::kNotes;
  if (state.has_data()) state.BeginRange(state.layout().data.begin);
  return {};
}

Result<> DumpWriter::AppendChunk(const CompressedChunk& chunk) {
  State& state = *state_;
  TRY(state.Want(state.phase == Phase::kNotes || state.phase == Phase::kPages, "AppendChunk"));
  if (chunk.plain_length > kChunkMaxPlainBytes || chunk.frame.empty() ||
      chunk.frame.size() > MaxStoredLength(chunk.plain_length)) {
    return Error::Format(ErrorCode::kInvalidArgument, "page chunk: %zu bytes for %" PRIu64, chunk.frame.size(),
                         chunk.plain_length);
  }
  const uint64_t end = NextEnd(state.batch_offset + state.batch_used, chunk.frame.size());
  if (!state.has_data() || AlignUp(end, kObjectAlignment) + kSetAsideBytes > state.layout().data.end) {
    return Error::Format(ErrorCode::kNoSpace, "the room for pages, %" PRIu64 " bytes, is full",
                         state.layout().data.size());
  }
  state.phase = Phase::kPages;
  const MutableBytes room = TRY(state.ReserveObject(chunk.frame.size()));
  memcpy(room.subspan(sizeof(ObjectHeader)).data(), chunk.frame.data(), chunk.frame.size());
  const IndexEntry entry{.offset = state.SealReserved(ObjectType::kChunk, chunk.plain_length, chunk.frame.size()),
                         .first_pfn = chunk.summary.first_pfn,
                         .end_pfn = chunk.summary.end_pfn,
                         .data_pages = chunk.summary.data_pages,
                         .stored_length = static_cast<uint32_t>(chunk.frame.size())};
  memcpy(state.index.get() + sizeof(IndexPrefix) + state.index_entries * sizeof(entry), &entry, sizeof(entry));
  state.index_entries += 1;
  state.counters.chunks += 1;
  state.counters.data_pages += chunk.summary.data_pages;
  state.counters.zero_pages += chunk.summary.zero_pages;
  state.counters.unreadable_pages += chunk.summary.unreadable_pages;
  if (state.index_entries == kIndexMaxEntries) return state.WriteIndexSegment();
  return {};
}

Result<> DumpWriter::Finish(DumpResult result, std::string_view summary) {
  State& state = *state_;
  if (state.phase == Phase::kCreated || state.phase == Phase::kFinished) {
    return Error::Format(ErrorCode::kInvalidArgument, "Finish: not in this order");
  }
  if (!state.failed && state.phase == Phase::kMessages) TRY(FlushMessages());
  const bool pages_left_out = state.counters.unreadable_pages != 0 && result == DumpResult::kComplete;
  if (pages_left_out) result = DumpResult::kReadErrors;
  if (!state.failed) {
    TRY(state.WriteIndexSegment());
    TRY(state.WriteSummary(summary));
    TRY(state.FlushBatch());
  } else {
    result = DumpResult::kWriteError;
  }
  state.phase = Phase::kFinished;
  // The trailer says that everything before it is there: it must not reach the disk first.
  for (int step = 0; step < 2; ++step) {
    if (step == 1) TRY(state.WriteTrailer(result));
    const Result<> flushed = state.sink.Flush();
    if (!flushed.ok()) return state.Fail(flushed.error());
  }
  return {};
}

const DumpCounters& DumpWriter::counters() const { return state_->counters; }

uint64_t DumpWriter::data_bytes() const { return state_->layout().data.size(); }

bool DumpWriter::sink_failed() const { return state_->failed; }

}  // namespace crashdump
