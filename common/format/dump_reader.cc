// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/dump_reader.h"

#include <algorithm>
#include <cinttypes>
#include <vector>

#include "common/format/chunk.h"
#include "common/format/dump_blocks.h"
#include "common/format/dump_verifier.h"
#include "common/format/object.h"
#include "common/format/object_walk.h"
#include "common/format/page_index.h"

namespace crashdump {
namespace {

// A newer version is worth a better answer than "no dump", and only a file may tell its version itself.
Result<> CheckFileVersion(const ByteSource& source) {
  ObjectHeader header{};
  if (source.size() < sizeof(header)) return {};
  TRY(source.ReadAt(0, {reinterpret_cast<uint8_t*>(&header), sizeof(header)}));
  if (Equal(header.magic, kObjectMagic) && header.version != kDumpVersion) {
    return Error::Format(ErrorCode::kUnsupported, "dump format version %u; this program reads version %u",
                         unsigned{header.version}, unsigned{kDumpVersion});
  }
  return {};
}

// The runs point into the reader.
Result<> ReadChunk(ObjectReader& reader, const DumpHeader& header, uint64_t offset, std::vector<ChunkRun>& runs) {
  const Result<OpenedObject> object = reader.Read(offset, header.layout.data.end, PayloadUse::kDecode);
  if (!object.ok()) {
    // Nothing authentic where a chunk should be is damage here.
    if (object.error().code() != ErrorCode::kNotFound) return object.error();
    return Error::Format(ErrorCode::kCorrupt, "%s", object.error().text());
  }
  if (object.value().type != ObjectType::kChunk) {
    return Error::Format(ErrorCode::kCorrupt, "%s at offset %" PRIu64 " in place of a page chunk",
                         ObjectTypeName(object.value().type), offset);
  }
  TRY(ParseChunk(object.value().payload, header.page_bytes, runs), "offset %" PRIu64, offset);
  return {};
}

}  // namespace

struct DumpReader::State {
  State(const ByteSource& dump_source, ObjectReader object_reader, const DumpHeader& dump_header, const Hash& tag)
      : source(dump_source), reader(std::move(object_reader)), header(dump_header), header_tag(tag) {}

  static Result<std::unique_ptr<State>> Open(const ByteSource& source, const std::optional<DumpLayout>& layout,
                                             const DumpCredentials& credentials);
  void ReadTrailer();
  Result<> LoadIndexChain();
  Result<> LoadIndexByWalk();
  Result<> LoadChunk(uint64_t offset);

  const ByteSource& source;
  ObjectReader reader;
  DumpHeader header;
  Hash header_tag;
  std::optional<DumpTrailer> trailer;
  std::optional<Error> trailer_error;
  bool index_loaded = false;
  PageIndex index;
  // The chunk that ReadPage() looked into last; its runs point into the reader. 0: none.
  uint64_t cached_chunk = 0;
  std::vector<ChunkRun> cached_runs;
  std::vector<uint64_t> candidates;
};

Result<std::unique_ptr<DumpReader::State>> DumpReader::State::Open(const ByteSource& source,
                                                                   const std::optional<DumpLayout>& layout,
                                                                   const DumpCredentials& credentials) {
  ObjectReader reader = TRY(ObjectReader::Create(source, credentials));
  const uint64_t offset = layout ? layout->header : 0;
  const OpenedObject object = TRY(reader.Read(offset, offset + kDiskUnit, PayloadUse::kDecode));
  const DumpHeader header = TRY(ParseHeader(object, credentials.kind));
  if (header.layout.header != offset || (layout && header.layout != *layout)) {
    return Error::Format(ErrorCode::kCorrupt, "header at offset %" PRIu64 ": states other places than its own", offset);
  }
  reader.ExpectAttempt(header.attempt_id);
  if (credentials.kind == KeyKind::kSealed) {
    SealedKey sealed{};
    std::copy_n(object.payload.begin() + sizeof(HeaderPayload), sealed.size(), sealed.begin());
    reader.DecryptWith(TRY(OpenSealedKey(credentials.private_key, sealed), "header"));
  }
  auto state = std::make_unique<State>(source, std::move(reader), header, object.tag);
  state->ReadTrailer();
  return state;
}

void DumpReader::State::ReadTrailer() {
  const Result<OpenedObject> object =
      reader.Read(header.layout.trailer, header.layout.trailer + kDiskUnit, PayloadUse::kDecode);
  if (!object.ok()) {
    trailer_error = object.error();
    return;
  }
  const Result<DumpTrailer> parsed = ParseTrailer(object.value(), header.layout);
  if (parsed.ok()) {
    trailer = parsed.value();
  } else {
    trailer_error = parsed.error();
  }
}

DumpReader::DumpReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
DumpReader::DumpReader(DumpReader&&) noexcept = default;
DumpReader& DumpReader::operator=(DumpReader&&) noexcept = default;
DumpReader::~DumpReader() = default;

Result<DumpReader> DumpReader::Open(const ByteSource& source, const DumpLayout& layout,
                                    const DumpCredentials& credentials) {
  return DumpReader(TRY(State::Open(source, layout, credentials)));
}

Result<DumpReader> DumpReader::OpenFile(const ByteSource& source) {
  TRY(CheckFileVersion(source));
  return DumpReader(TRY(State::Open(source, std::nullopt, DumpCredentials{})));
}

const DumpHeader& DumpReader::header() const { return state_->header; }
const std::optional<DumpTrailer>& DumpReader::trailer() const { return state_->trailer; }

Result<DumpVerdict> DumpReader::Walk(DumpVisitor& visitor) {
  State& state = *state_;
  state.cached_chunk = 0;
  ObjectWalk walk(state.reader, state.header.layout);
  DumpVerifier verifier(state.header, state.header_tag);
  std::optional<Error> refused;
  while (const std::optional<OpenedObject> object = walk.Next(PayloadUse::kDecode)) {
    const Result<> checked = verifier.Check(*object);
    if (!checked.ok()) {
      refused = checked.error();
      break;
    }
    if (object->type == ObjectType::kChunk) {
      const CompressedChunk chunk = {
          .summary = Summarize(verifier.runs()), .plain_length = object->plain_length, .frame = object->frame};
      TRY(visitor.OnChunk(object->offset, chunk));
    }
    for (const ChunkRun& run : verifier.runs()) {
      TRY(visitor.OnPages(run.kind, run.first_pfn, run.page_count, run.data));
    }
    if (object->type != ObjectType::kChunk && object->type != ObjectType::kIndex) {
      TRY(visitor.OnSection(object->type, object->payload));
    }
  }
  return verifier.Judge(walk, state.trailer, state.trailer_error, refused);
}

DumpSections DumpReader::ReadSections() {
  State& state = *state_;
  state.cached_chunk = 0;
  DumpSections sections;
  const auto append = [&sections](std::string& section, const OpenedObject& object) {
    if (section.size() + object.payload.size() > kSectionMaxBytes) {
      if (sections.damage.empty()) sections.damage = std::string("cut: too many ") + ObjectTypeName(object.type);
      return;
    }
    section += TextOf(object.payload);
  };
  ObjectWalk walk(state.reader, state.header.layout);
  while (const std::optional<OpenedObject> object = walk.Next(PayloadUse::kDecode)) {
    if (object->type == ObjectType::kMachineFacts) append(sections.machine_facts, *object);
    if (object->type == ObjectType::kVmcoreinfo) append(sections.vmcoreinfo, *object);
    if (object->type == ObjectType::kMessages) append(sections.messages, *object);
    if (object->type == ObjectType::kElfNotes) append(sections.elf_notes, *object);
    if (object->type == ObjectType::kSummary) append(sections.summary, *object);
    // In the data range the notes are first.
    if (walk.in_data() && object->type != ObjectType::kElfNotes) break;
  }

  // The end of the messages is certain if the trailer confirms it, or the next object stands in the data range.
  const bool followed = walk.position() != state.header.layout.data.begin && !walk.gap();
  const bool confirmed = state.trailer ? walk.messages_end() == state.trailer->messages_end : followed;
  if (!confirmed && sections.damage.empty()) {
    sections.damage = std::string("the end of the messages may be missing: ") + walk.messages_error()->text();
  } else if (walk.end_error() && walk.end_error()->code() != ErrorCode::kNotFound && sections.damage.empty()) {
    sections.damage = walk.end_error()->text();
  }

  if (sections.summary.empty() && state.trailer && state.trailer->summary_offset != 0) {
    const Result<OpenedObject> object =
        state.reader.Read(state.trailer->summary_offset, state.header.layout.data.end, PayloadUse::kDecode);
    if (object.ok() && object.value().type == ObjectType::kSummary) {
      append(sections.summary, object.value());
    } else if (sections.damage.empty()) {
      sections.damage = object.ok() ? "something else stands in the place of the summary" : object.error().text();
    }
  }
  return sections;
}

// From the last segment to the first.
Result<> DumpReader::State::LoadIndexChain() {
  if (!trailer) return Error::Format(ErrorCode::kNotFound, "no trailer, so no index");
  const Range data = {header.layout.data.begin, std::min(header.layout.data.end, trailer->data_end)};
  uint64_t before = data.end;
  for (uint64_t offset = trailer->last_index_offset; offset != 0;) {
    // Offsets go down, so that the chain ends.
    if (offset >= before || offset < data.begin) {
      return Error::Format(ErrorCode::kCorrupt, "index segment at offset %" PRIu64 ": not a possible place", offset);
    }
    const OpenedObject object = TRY(reader.Read(offset, data.end, PayloadUse::kDecode));
    if (object.type != ObjectType::kIndex) {
      return Error::Format(ErrorCode::kCorrupt, "%s at offset %" PRIu64 " in place of an index segment",
                           ObjectTypeName(object.type), offset);
    }
    const IndexSegment segment = TRY(ParseIndexSegment(object.payload, data.begin, offset));
    if (segment.entries.size() > trailer->chunk_count - index.size()) {
      return Error::Format(ErrorCode::kCorrupt, "the index has more than %" PRIu64 " chunks", trailer->chunk_count);
    }
    for (const IndexEntry& entry : segment.entries) index.Add(entry);
    before = offset;
    offset = segment.previous_offset;
  }
  if (index.size() != trailer->chunk_count) {
    return Error::Format(ErrorCode::kCorrupt, "the index has %zu of %" PRIu64 " chunks", index.size(),
                         trailer->chunk_count);
  }
  return {};
}

Result<> DumpReader::State::LoadIndexByWalk() {
  ObjectWalk walk(reader, header.layout);
  walk.SkipMessages();
  std::vector<ChunkRun> runs;
  while (const std::optional<OpenedObject> object = walk.Next(PayloadUse::kDecode)) {
    if (object->type != ObjectType::kChunk) continue;
    TRY(ParseChunk(object->payload, header.page_bytes, runs), "offset %" PRIu64, object->offset);
    index.Add(IndexEntryOf(*object, runs));
  }
  return {};
}

Result<> DumpReader::LoadIndex() {
  State& state = *state_;
  if (state.index_loaded) return {};
  state.cached_chunk = 0;
  state.index.Clear();
  if (!state.LoadIndexChain().ok()) {
    // Whatever is wrong with it: what it would say can be found in the chunks themselves.
    state.index.Clear();
    TRY(state.LoadIndexByWalk());
  }
  state.index.Prepare();
  state.index_loaded = true;
  return {};
}

uint64_t DumpReader::end_pfn() const { return state_->index.end_pfn(); }

Result<> DumpReader::State::LoadChunk(uint64_t offset) {
  if (cached_chunk == offset) return {};
  cached_chunk = 0;
  TRY(ReadChunk(reader, header, offset, cached_runs));
  cached_chunk = offset;
  return {};
}

Result<PageState> DumpReader::ReadPage(uint64_t pfn, MutableBytes page) {
  State& state = *state_;
  const uint32_t page_bytes = state.header.page_bytes;
  if (!state.index_loaded || page.size() != page_bytes) {
    return Error::Format(ErrorCode::kInvalidArgument, "page frame %#" PRIx64 ": no index, or %zu bytes for a page", pfn,
                         page.size());
  }
  state.index.Find(pfn, state.candidates);
  // The chunk of the neighbour first.
  const auto cached = std::find(state.candidates.begin(), state.candidates.end(), state.cached_chunk);
  if (cached != state.candidates.end()) std::iter_swap(state.candidates.begin(), cached);
  for (const uint64_t offset : state.candidates) {
    TRY(state.LoadChunk(offset), "page frame %#" PRIx64, pfn);
    for (const ChunkRun& run : state.cached_runs) {
      if (pfn < run.first_pfn || pfn - run.first_pfn >= run.page_count) continue;
      if (run.kind == PageKind::kUnreadable) return PageState::kUnreadable;
      if (run.kind == PageKind::kZero) {
        std::fill(page.begin(), page.end(), uint8_t{0});
        return PageState::kZero;
      }
      const uint64_t begin = (pfn - run.first_pfn) * page_bytes;
      memcpy(page.data(), run.data.data() + begin, page_bytes);
      return PageState::kData;
    }
  }
  return PageState::kAbsent;
}

Result<std::optional<uint64_t>> DumpReader::FindEnd(const ByteSource& source, const DumpLayout& layout,
                                                    const DumpCredentials& credentials,
                                                    std::chrono::milliseconds time_limit) {
  const auto begin = std::chrono::steady_clock::now();
  Result<std::unique_ptr<State>> opened = State::Open(source, layout, credentials);
  if (!opened.ok()) {
    if (opened.error().code() == ErrorCode::kNotFound) return std::optional<uint64_t>();
    return opened.error();
  }
  State& state = *opened.value();
  if (state.trailer) return std::optional<uint64_t>(AlignUp(state.trailer->data_end, kDiskUnit));
  if (state.trailer_error->code() != ErrorCode::kNotFound) return *state.trailer_error;

  ObjectWalk walk(state.reader, layout);
  walk.SkipMessages();
  while (walk.Next(PayloadUse::kAuthenticateOnly)) {
    if (std::chrono::steady_clock::now() - begin >= time_limit) {
      return Error::Format(ErrorCode::kTimeout, "the end of the dump was not found in %lld ms, up to offset %" PRIu64,
                           static_cast<long long>(time_limit.count()), walk.position());
    }
  }
  if (walk.end_error()->code() != ErrorCode::kNotFound) return *walk.end_error();
  return std::optional<uint64_t>(AlignUp(walk.position(), kDiskUnit));
}

Result<ChunkReader> ChunkReader::Create(const DumpReader& dump) {
  ObjectReader reader = TRY(dump.state_->reader.Clone());
  return ChunkReader(std::move(reader), dump.header());
}

Result<std::span<const ChunkRun>> ChunkReader::Read(uint64_t offset) {
  TRY(ReadChunk(reader_, header_, offset, runs_));
  return std::span<const ChunkRun>(runs_);
}

}  // namespace crashdump
