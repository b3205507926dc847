// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/dump_builder.h"

#include <algorithm>
#include <cerrno>
#include <cinttypes>

namespace crashdump {
namespace {

// A few bytes that no other page has, then a pattern that compresses.
constexpr uint64_t kFirstPfn = 0x100;

Result<> AppendPages(const DumpPlan& plan, DumpWriter& writer, DumpResult& result) {
  std::vector<uint8_t> buffer(ChunkBuilder::kBufferBytes);
  std::vector<uint8_t> out(ChunkCompressor::kOutputBytes);
  ChunkBuilder builder(buffer, plan.parameters.page_bytes);
  ChunkCompressor compressor = TRY(ChunkCompressor::Create(1));
  const auto append = [&]() -> Result<> {
    const CompressedChunk chunk = TRY(compressor.Compress(builder, out));
    TRY(writer.AppendChunk(chunk));
    builder.Clear();
    return {};
  };
  for (const PlannedPages& run : plan.pages) {
    for (uint32_t i = 0; i < run.page_count; ++i) {
      const uint64_t pfn = run.first_pfn + i;
      const auto add = [&] {
        if (run.kind == PageKind::kZero) return builder.AddZero(pfn, 1);
        if (run.kind == PageKind::kUnreadable) return builder.AddUnreadable(pfn, 1);
        return builder.AddPage(pfn, TestPage(pfn, plan.parameters.page_bytes));
      };
      if (builder.summary().data_pages < plan.pages_per_chunk && add() == ChunkBuilder::Added::kYes) continue;
      const Result<> appended = append();
      if (!appended.ok() && appended.error().code() == ErrorCode::kNoSpace) {
        result = DumpResult::kNoSpace;
        return {};
      }
      if (!appended.ok()) return appended;
      Require(add() == ChunkBuilder::Added::kYes);
    }
  }
  if (builder.empty()) return {};
  const Result<> appended = append();
  if (appended.ok() || appended.error().code() != ErrorCode::kNoSpace) return appended;
  result = DumpResult::kNoSpace;
  return {};
}

Result<> WriteBody(const DumpPlan& plan, DumpWriter& writer, DumpResult& result) {
  TRY(writer.WriteHeader());
  TRY(writer.AppendSection(ObjectType::kMachineFacts, BytesOf(plan.machine_facts)));
  TRY(writer.AppendSection(ObjectType::kVmcoreinfo, BytesOf(plan.vmcoreinfo)));
  TRY(writer.AppendSection(ObjectType::kMessages, BytesOf(plan.messages)));
  TRY(writer.FlushMessages());
  if (plan.parameters.layout.data.empty()) return {};
  TRY(writer.AppendSection(ObjectType::kElfNotes, BytesOf(plan.elf_notes)));
  return AppendPages(plan, writer, result);
}

DumpPlan PlanWithPages(uint32_t data_pages) {
  DumpPlan plan;
  uint64_t pfn = kFirstPfn;
  for (uint32_t left = data_pages; left > 0;) {
    const uint32_t count = std::min<uint32_t>(left, 10);
    plan.pages.push_back({.kind = PageKind::kData, .first_pfn = pfn, .page_count = count});
    plan.pages.push_back({.kind = PageKind::kZero, .first_pfn = pfn + count, .page_count = 3});
    pfn += count + 5;
    left -= count;
  }
  return plan;
}

}  // namespace

Result<> MemorySink::Step(bool& fails) {
  fails = fail_at_ == operations_;
  operations_ += 1;
  return fails ? Result<>(Error::Os(EIO, "fake target")) : Result<>();
}

void MemorySink::FailAt(uint64_t operation, Fault fault) {
  fail_at_ = operation;
  fault_ = fault;
}

Result<> MemorySink::WriteAt(uint64_t offset, Bytes data) {
  Require(IsAligned(offset, kDiskUnit) && IsAligned(data.size(), kDiskUnit) && !data.empty());
  Require(IsAligned(reinterpret_cast<uintptr_t>(data.data()), kDiskUnit));
  log_.push_back(Range{offset, offset + data.size()});
  bool fails = false;
  const Result<> step = Step(fails);
  const Bytes stored = !fails ? data : data.first(fault_ == Fault::kShort ? data.size() / 2 : 0);
  const uint64_t end = offset + data.size();
  if (bytes_.size() < end) {
    bytes_.resize(end);
    written_.resize(end / kDiskUnit);
  }
  for (uint64_t block = offset / kDiskUnit; block < end / kDiskUnit; ++block) {
    Require(!written_[block]);
    written_[block] = true;
  }
  std::copy(stored.begin(), stored.end(), bytes_.begin() + static_cast<ptrdiff_t>(offset));
  return step;
}

Result<> MemorySink::Flush() {
  log_.emplace_back(std::nullopt);
  bool fails = false;
  return Step(fails);
}

DumpCredentials TestCredentials(uint8_t seed) {
  DumpCredentials credentials;
  credentials.kind = KeyKind::kPlainFile;
  credentials.region_id.fill(0x52);
  credentials.key_id.fill(seed);
  std::array<uint8_t, Key::kBytes> bytes{};
  bytes.fill(seed);
  credentials.authentication_key = Key(bytes);
  bytes.fill(static_cast<uint8_t>(~seed));
  credentials.encryption_key = Key(bytes);
  return credentials;
}

SealedCredentials TestSealedCredentials(uint8_t seed) {
  SealedCredentials sealed{.writer = TestCredentials(seed), .reader = TestCredentials(seed)};
  sealed.writer.kind = sealed.reader.kind = KeyKind::kSealed;
  sealed.reader.private_key = TestCredentials(static_cast<uint8_t>(seed + 100)).encryption_key.Copy();
  sealed.reader.encryption_key = Key();
  sealed.writer.sealed_key = SealKey(PublicKeyOf(sealed.reader.private_key), sealed.writer.encryption_key).TakeValue();
  return sealed;
}

DumpPlan RegionPlan(uint32_t data_pages, uint64_t extent_bytes, uint32_t attempt) {
  DumpPlan plan = PlanWithPages(data_pages);
  plan.credentials = TestCredentials(7);
  plan.parameters.attempt = attempt;
  plan.parameters.attempt_id.fill(static_cast<uint8_t>(0xA0 + attempt));
  plan.parameters.crash_time = 1'700'000'000;
  const Range extent{kDiskUnit, kDiskUnit + extent_bytes};
  plan.parameters.layout = RegionSlotLayout(AlignUp(extent.end, kDiskUnit), extent, attempt);
  if (attempt == 2) {
    plan.pages.clear();
    plan.result = DumpResult::kMessagesOnly;
  }
  return plan;
}

DumpPlan FilePlan(uint32_t data_pages) {
  DumpPlan plan = PlanWithPages(data_pages);
  plan.parameters.attempt_id.fill(0xF1);
  plan.parameters.crash_time = 1'700'000'000;
  const DumpSection sections[] = {{ObjectType::kMachineFacts, BytesOf(plan.machine_facts)},
                                  {ObjectType::kVmcoreinfo, BytesOf(plan.vmcoreinfo)},
                                  {ObjectType::kMessages, BytesOf(plan.messages)}};
  plan.parameters.layout = FileLayout(DumpWriter::MeasureMessages(sections).TakeValue());
  return plan;
}

DumpPlan CopyPlan(const DumpPlan& plan) {
  return {.credentials = plan.credentials.Copy(),
          .parameters = plan.parameters,
          .machine_facts = plan.machine_facts,
          .vmcoreinfo = plan.vmcoreinfo,
          .messages = plan.messages,
          .elf_notes = plan.elf_notes,
          .summary = plan.summary,
          .pages = plan.pages,
          .pages_per_chunk = plan.pages_per_chunk,
          .result = plan.result};
}

std::vector<uint8_t> TestPage(uint64_t pfn, uint32_t page_bytes) {
  std::vector<uint8_t> page(page_bytes);
  for (uint32_t i = 0; i < page_bytes; ++i) {
    page[i] = static_cast<uint8_t>(i < 8 ? pfn >> (8 * i) : (i * (pfn % 251 + 1)) >> 4);
  }
  return page;
}

Result<> WriteDump(const DumpPlan& plan, ByteSink& sink) {
  DumpWriter writer = TRY(DumpWriter::Create(sink, plan.credentials, plan.parameters));
  DumpResult result = plan.result;
  const Result<> body = WriteBody(plan, writer, result);
  if (!body.ok()) {
    (void)writer.Finish(DumpResult::kWriteError, plan.summary);  // the first error is the one to tell
    return body;
  }
  return writer.Finish(result, plan.summary);
}

std::vector<uint8_t> BuildDump(const DumpPlan& plan) {
  MemorySink sink;
  const Result<> written = WriteDump(plan, sink);
  Require(written.ok());
  return std::move(sink.bytes());
}

std::vector<PlacedObject> ListObjects(Bytes dump) {
  std::vector<PlacedObject> objects;
  for (uint64_t offset = 0; offset + ObjectBytes(0) <= dump.size();) {
    const Bytes at = dump.subspan(static_cast<size_t>(offset));
    const auto header = LoadObject<ObjectHeader>(at);
    if (!Equal(header.magic, kObjectMagic) || header.offset != offset) {
      offset += kObjectAlignment;
      continue;
    }
    objects.push_back({.type = static_cast<ObjectType>(uint16_t{header.type}),
                       .offset = offset,
                       .bytes = ObjectBytes(header.stored_length)});
    offset = AlignUp(offset + objects.back().bytes, kObjectAlignment);
  }
  return objects;
}

void ResealRaw(std::vector<uint8_t>& dump, const DumpCredentials& credentials, const PlacedObject& object,
               void (*change)(MutableBytes payload)) {
  const MutableBytes bytes =
      MutableBytes(dump).subspan(static_cast<size_t>(object.offset), static_cast<size_t>(object.bytes));
  const auto header = LoadObject<ObjectHeader>(bytes);
  ObjectPlace place{.type = object.type, .sequence = header.sequence, .offset = object.offset};
  std::copy(std::begin(header.attempt_id), std::end(header.attempt_id), place.attempt_id.begin());
  // Sealing what is sealed decrypts it: the cipher is its own inverse.
  const uint64_t plain_length = header.plain_length;
  (void)SealObject(credentials, place, plain_length, bytes);
  change(bytes.subspan(sizeof(ObjectHeader), static_cast<size_t>(object.bytes - ObjectBytes(0))));
  (void)SealObject(credentials, place, plain_length, bytes);
}

Result<> CollectingVisitor::OnSection(ObjectType type, Bytes piece) {
  sections_.emplace_back(type, TextOf(piece));
  return {};
}

Result<> CollectingVisitor::OnPages(PageKind kind, uint64_t first_pfn, uint32_t page_count, Bytes data) {
  const size_t page_bytes = data.size() / page_count;
  for (uint32_t i = 0; i < page_count; ++i) {
    pages_.push_back({.pfn = first_pfn + i, .kind = kind, .hash = Hash256(data.subspan(i * page_bytes, page_bytes))});
  }
  return {};
}

std::string CollectingVisitor::section(ObjectType type) const {
  std::string text;
  for (const auto& [piece_type, piece] : sections_) {
    if (piece_type == type) text += piece;
  }
  return text;
}

bool CollectingVisitor::PagesAreRight(const DumpPlan& plan) const {
  size_t index = 0;
  for (const PlannedPages& run : plan.pages) {
    for (uint32_t i = 0; i < run.page_count && index < pages_.size(); ++i, ++index) {
      const Page& page = pages_[index];
      const uint64_t pfn = run.first_pfn + i;
      const Hash hash =
          run.kind == PageKind::kData ? Hash256(TestPage(pfn, plan.parameters.page_bytes)) : Hash256(Bytes{});
      if (page.pfn != pfn || page.kind != run.kind || page.hash != hash) return false;
    }
  }
  return index == pages_.size();
}

}  // namespace crashdump
