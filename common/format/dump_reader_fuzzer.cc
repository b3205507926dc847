// SPDX-License-Identifier: GPL-2.0-or-later
// Dumps from arbitrary bytes. The first byte of the input chooses what the rest is. Tags would stop nearly every file
// at its first object, so each object in it is given a right tag first: the reader then meets authentic nonsense.
// Fuzzes: dump_reader.cc object_walk.cc chunk.cc page_index.cc pfn_set.cc dump_layout.cc dump_blocks.cc
#include <vector>

#include "common/format/chunk.h"
#include "common/format/dump_reader.h"
#include "common/format/object.h"
#include "common/format/page_index.h"
#include "common/testing/dump_builder.h"
#include "common/testing/fuzzer.h"

namespace crashdump {
namespace {

enum Choice : uint8_t { kFile, kChangesToAGoodDump, kChunk, kIndexSegment, kChoices };

class Ignore final : public DumpVisitor {
 public:
  Result<> OnSection(ObjectType, Bytes piece) override {
    bytes_ += piece.size();
    return {};
  }
  Result<> OnPages(PageKind kind, uint64_t, uint32_t page_count, Bytes data) override {
    Require(page_count != 0 && (kind == PageKind::kData) == !data.empty());
    bytes_ += data.size();
    return {};
  }

 private:
  uint64_t bytes_ = 0;
};

// Seals what begins with the magic number, in the order in which it stands there, as a dump of kind none.
void SealEverything(std::vector<uint8_t>& file) {
  uint64_t sequence = 0;
  for (size_t offset = 0; offset + ObjectBytes(0) <= file.size(); offset += kObjectAlignment) {
    const auto header = LoadObject<ObjectHeader>(Bytes(file).subspan(offset));
    if (!Equal(header.magic, kObjectMagic)) continue;
    const uint64_t room = file.size() - offset - ObjectBytes(0);
    if (header.stored_length > room) continue;
    const auto type = static_cast<ObjectType>(uint16_t{header.type});
    ObjectPlace place{.type = type, .sequence = header.sequence, .offset = offset};
    // The trailer stands before what it follows in sequence.
    if (type != ObjectType::kTrailer) place.sequence = sequence++;
    place.attempt_id.fill(0xF1);
    (void)SealObject(DumpCredentials{}, place, header.plain_length,
                     MutableBytes(file).subspan(offset, static_cast<size_t>(ObjectBytes(header.stored_length))));
  }
}

// A good dump with bytes replaced: three bytes of input each, offset (of 16 bits, in bytes that are not zero) and
// value.
std::vector<uint8_t> ChangedDump(Bytes changes) {
  static const std::vector<uint8_t> good = BuildDump(FilePlan(30));
  static const std::vector<size_t> used = [] {
    std::vector<size_t> offsets;
    for (size_t i = 0; i < good.size(); ++i) {
      if (good[i] != 0 || i % kDiskUnit < 512) offsets.push_back(i);
    }
    return offsets;
  }();
  std::vector<uint8_t> file = good;
  for (; changes.size() >= 3; changes = changes.subspan(3)) {
    const size_t index = changes[0] + size_t{256} * changes[1];
    file[used[index % used.size()]] = changes[2];
  }
  return file;
}

void ReadFile(std::vector<uint8_t> file) {
  SealEverything(file);
  const MemorySource source(file);
  Result<DumpReader> reader = DumpReader::OpenFile(source);
  if (!reader.ok()) return;
  Ignore visitor;
  const Result<DumpVerdict> verdict = reader.value().Walk(visitor);
  Require(verdict.ok() && verdict.value().reason.empty() == (verdict.value().state == DumpState::kComplete));
  (void)reader.value().ReadSections();
  if (reader.value().LoadIndex().ok()) {
    std::vector<uint8_t> page(reader.value().header().page_bytes);
    for (const uint64_t pfn : {uint64_t{0}, uint64_t{0x100}, reader.value().end_pfn()}) {
      (void)reader.value().ReadPage(pfn, page);
    }
  }
  (void)DumpReader::FindEnd(source, reader.value().header().layout, DumpCredentials{}, std::chrono::seconds(1));
}

void Run(Bytes input) {
  static const bool ready = InitializeCrypto().ok();
  Require(ready);
  if (input.empty()) return;
  const Bytes rest = input.subspan(1);
  std::vector<ChunkRun> runs;
  switch (input[0] % kChoices) {
    case kFile:
      ReadFile({rest.begin(), rest.end()});
      break;
    case kChangesToAGoodDump:
      ReadFile(ChangedDump(rest));
      break;
    case kChunk:
      (void)ParseChunk(rest, 4096, runs);
      break;
    default:
      (void)ParseIndexSegment(rest, 8192, 1 << 20);
      break;
  }
}

std::vector<uint8_t> GoodChunk() {
  std::vector<uint8_t> buffer(ChunkBuilder::kBufferBytes);
  ChunkBuilder builder(buffer, 4096);
  Require(builder.AddPage(1, TestPage(1, 4096)) == ChunkBuilder::Added::kYes);
  Require(builder.AddZero(2, 5) == ChunkBuilder::Added::kYes);
  Require(builder.AddUnreadable(9, 1) == ChunkBuilder::Added::kYes);
  const Bytes chunk = builder.Finish();
  return {chunk.begin(), chunk.end()};
}

std::vector<uint8_t> GoodIndexSegment() {
  const IndexPrefix prefix{.previous_offset = 0, .entry_count = 2, .reserved = 0};
  std::vector<uint8_t> segment(BytesOf(prefix).begin(), BytesOf(prefix).end());
  for (const uint64_t pfn : {1U, 100U}) {
    const IndexEntry entry{
        .offset = 8192 + 4096 * pfn, .first_pfn = pfn, .end_pfn = pfn + 10, .data_pages = 5, .stored_length = 100};
    segment.insert(segment.end(), BytesOf(entry).begin(), BytesOf(entry).end());
  }
  return segment;
}

std::vector<testing::FuzzerInput> Seeds() {
  Require(InitializeCrypto().ok());
  std::vector<ChunkRun> runs;
  Require(ParseChunk(GoodChunk(), 4096, runs).ok() && ParseIndexSegment(GoodIndexSegment(), 8192, 1 << 20).ok());
  return {testing::FuzzerInputOf(kFile, BuildDump(FilePlan(3))),
          {kChangesToAGoodDump},
          {kChangesToAGoodDump, 10, 0, 1, 200, 1, 0xff, 0, 3, 0x80},
          testing::FuzzerInputOf(kChunk, GoodChunk()),
          testing::FuzzerInputOf(kIndexSegment, GoodIndexSegment())};
}

const testing::Fuzzer fuzzer("dump_reader", Run, Seeds);

}  // namespace
}  // namespace crashdump
