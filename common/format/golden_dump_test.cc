// SPDX-License-Identifier: GPL-2.0-or-later
// The dump in the appendix of docs/dump-format.md, byte for byte. When it differs on purpose, the version of the format
// changes with it; the message of the failure is the listing as it is now.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "common/base/io.h"
#include "common/base/parse.h"
#include "common/format/dump_reader.h"
#include "common/testing/dump_builder.h"

namespace crashdump {
namespace {

constexpr size_t kLineBytes = 16;

// Tests run in the checkout; elsewhere the environment says where that is.
std::string Document() {
  const char* root = getenv("CRASHDUMP_SOURCE_DIR");
  const std::string path = std::string(root == nullptr ? "." : root) + "/docs/dump-format.md";
  Result<std::string> text = ReadTextFile(path.c_str(), kMiB);
  EXPECT_TRUE(text.ok()) << path << ": " << text.error().text();
  return text.ok() ? text.TakeValue() : "";
}

// "00001000  43 52 41 53 ..." for each line that is not all zeros.
std::string Listing(Bytes bytes, uint64_t base) {
  std::string listing;
  for (size_t at = 0; at < bytes.size(); at += kLineBytes) {
    const Bytes line = bytes.subspan(at, std::min(kLineBytes, bytes.size() - at));
    if (AllZero(line)) continue;
    const uint64_t offset = base + at;
    const std::array<uint8_t, 4> digits = {static_cast<uint8_t>(offset >> 24), static_cast<uint8_t>(offset >> 16),
                                           static_cast<uint8_t>(offset >> 8), static_cast<uint8_t>(offset)};
    listing += ToHex(digits) + " ";
    for (const uint8_t byte : line) listing += " " + ToHex(Bytes(&byte, 1));
    listing += "\n";
  }
  return listing;
}

std::string ListingInDocument(const std::string& name) {
  const std::string document = Document();
  const std::string fence = "```hexdump " + name + "\n";
  const size_t begin = document.find(fence);
  if (begin == std::string::npos) return "";
  const size_t first = begin + fence.size();
  return document.substr(first, document.find("```", first) - first);
}

DumpPlan GoldenPlan() {
  DumpPlan plan = FilePlan(0);
  plan.machine_facts = "machine=example\n";
  plan.vmcoreinfo = "OSRELEASE=example\n";
  plan.messages = "Kernel panic - not syncing: example\n";
  plan.elf_notes = "example note";
  plan.summary = "threads=1\n";
  const DumpSection sections[] = {{ObjectType::kMachineFacts, BytesOf(plan.machine_facts)},
                                  {ObjectType::kVmcoreinfo, BytesOf(plan.vmcoreinfo)},
                                  {ObjectType::kMessages, BytesOf(plan.messages)}};
  plan.parameters.layout = FileLayout(DumpWriter::MeasureMessages(sections).TakeValue());
  return plan;
}

void WriteGolden(const DumpPlan& plan, MemorySink& sink) {
  std::vector<uint8_t> buffer(ChunkBuilder::kBufferBytes);
  std::vector<uint8_t> out(ChunkCompressor::kOutputBytes);
  ChunkBuilder builder(buffer, 4096);
  const std::vector<uint8_t> page(4096, 0x5a);
  ASSERT_EQ(builder.AddPage(256, page), ChunkBuilder::Added::kYes);
  ASSERT_EQ(builder.AddZero(257, 3), ChunkBuilder::Added::kYes);
  ASSERT_EQ(builder.AddUnreadable(512, 1), ChunkBuilder::Added::kYes);
  ChunkCompressor compressor = ChunkCompressor::Create(1).TakeValue();
  const CompressedChunk chunk = compressor.Compress(builder, out).TakeValue();

  DumpWriter writer = DumpWriter::Create(sink, plan.credentials, plan.parameters).TakeValue();
  ASSERT_TRUE(writer.WriteHeader().ok());
  ASSERT_TRUE(writer.AppendSection(ObjectType::kMachineFacts, BytesOf(plan.machine_facts)).ok());
  ASSERT_TRUE(writer.AppendSection(ObjectType::kVmcoreinfo, BytesOf(plan.vmcoreinfo)).ok());
  ASSERT_TRUE(writer.AppendSection(ObjectType::kMessages, BytesOf(plan.messages)).ok());
  ASSERT_TRUE(writer.FlushMessages().ok());
  if (!plan.parameters.layout.data.empty()) {
    // A range without room for more than its control objects takes none.
    (void)writer.AppendSection(ObjectType::kElfNotes, BytesOf(plan.elf_notes));
    (void)writer.AppendChunk(chunk);
  }
  ASSERT_TRUE(writer.Finish(DumpResult::kComplete, plan.summary).ok());
}

TEST(GoldenDump, FileIsAsInTheDocument) {
  ASSERT_TRUE(InitializeCrypto().ok());
  const DumpPlan plan = GoldenPlan();
  MemorySink sink;
  WriteGolden(plan, sink);
  const std::string listing = Listing(sink.bytes(), 0);
  EXPECT_TRUE(listing == ListingInDocument("file")) << listing;

  const MemorySource source(sink.bytes());
  CollectingVisitor visitor;
  const DumpVerdict verdict = DumpReader::OpenFile(source).value().Walk(visitor).TakeValue();
  EXPECT_EQ(verdict.state, DumpState::kIncomplete);
  EXPECT_EQ(verdict.reason, "some pages could not be read");
  EXPECT_EQ(verdict.data_pages, 1U);
  EXPECT_EQ(verdict.zero_pages, 3U);
  EXPECT_EQ(verdict.unreadable_pages, 1U);
  EXPECT_EQ(visitor.section(ObjectType::kMessages), plan.messages);
}

TEST(GoldenDump, EncryptedObjectIsAsInTheDocument) {
  ASSERT_TRUE(InitializeCrypto().ok());
  DumpPlan plan = GoldenPlan();
  plan.credentials = TestCredentials(7);
  plan.parameters.attempt_id.fill(0xa1);
  plan.parameters.layout = RegionSlotLayout(8192, {4096, 8192}, 1);
  MemorySink sink;
  WriteGolden(plan, sink);
  for (const PlacedObject& object : ListObjects(sink.bytes())) {
    if (object.type != ObjectType::kMessages) continue;
    const Bytes bytes =
        Bytes(sink.bytes()).subspan(static_cast<size_t>(object.offset), static_cast<size_t>(object.bytes));
    const std::string listing = Listing(bytes, object.offset);
    EXPECT_TRUE(listing == ListingInDocument("region-messages")) << listing;
    return;
  }
  FAIL() << "no messages";
}

}  // namespace
}  // namespace crashdump
