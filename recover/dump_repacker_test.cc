// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/dump_repacker.h"

#include <gtest/gtest.h>

#include "common/crypto/crypto.h"
#include "common/testing/dump_builder.h"

namespace crashdump {
namespace {

class DumpRepackerTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(InitializeCrypto().ok()); }

  // A dump in a region, as a file.
  static std::vector<uint8_t> Repack(const DumpPlan& plan, const std::vector<uint8_t>& region) {
    const MemorySource source(region);
    DumpReader reader = DumpReader::Open(source, plan.parameters.layout, plan.credentials).TakeValue();
    const DumpImage image = DumpImage::Read(reader).TakeValue();
    const DumpRepacker repacker = DumpRepacker::Create(reader, image).TakeValue();
    MemorySink sink;
    const Result<uint64_t> bytes = repacker.Write(sink, {});
    EXPECT_TRUE(bytes.ok()) << bytes.error().text();
    EXPECT_EQ(bytes.value(), sink.bytes().size());
    return sink.bytes();
  }
};

TEST_F(DumpRepackerTest, EverythingIsInTheFileWithoutKeys) {
  DumpPlan plan = RegionPlan(500, 4 * kMiB);
  plan.pages.push_back({PageKind::kUnreadable, 0x90000, 3});
  const std::vector<uint8_t> file = Repack(plan, BuildDump(plan));
  const MemorySource source(file);
  DumpReader reader = DumpReader::OpenFile(source).TakeValue();
  EXPECT_EQ(reader.header().attempt_id, plan.parameters.attempt_id);
  EXPECT_EQ(reader.header().crash_time, plan.parameters.crash_time);
  CollectingVisitor visitor;
  const DumpVerdict verdict = reader.Walk(visitor).TakeValue();
  EXPECT_EQ(verdict.state, DumpState::kIncomplete);
  EXPECT_EQ(reader.trailer()->result, DumpResult::kReadErrors);
  EXPECT_TRUE(visitor.PagesAreRight(plan));
  EXPECT_EQ(visitor.section(ObjectType::kMachineFacts), plan.machine_facts);
  EXPECT_EQ(visitor.section(ObjectType::kVmcoreinfo), plan.vmcoreinfo);
  EXPECT_EQ(visitor.section(ObjectType::kMessages), plan.messages);
  EXPECT_EQ(visitor.section(ObjectType::kElfNotes), plan.elf_notes);
  EXPECT_EQ(visitor.section(ObjectType::kSummary), plan.summary);
  // The same dump gives the same bytes.
  EXPECT_EQ(Repack(plan, BuildDump(plan)), file);
}

TEST_F(DumpRepackerTest, WhatIsMissingStaysSaid) {
  DumpPlan plan = RegionPlan(0, 4 * kMiB);
  plan.pages = {{PageKind::kData, 0x100, 300}};
  const std::vector<uint8_t> whole = BuildDump(plan);
  for (const DumpResult result : {DumpResult::kComplete, DumpResult::kNoSpace}) {
    plan.result = result;
    const std::vector<uint8_t> file = Repack(plan, BuildDump(plan));
    const MemorySource source(file);
    EXPECT_EQ(DumpReader::OpenFile(source).TakeValue().trailer()->result, result);
  }

  std::vector<uint8_t> torn = whole;
  size_t chunks = 0;
  for (const PlacedObject& object : ListObjects(whole)) {
    if (object.type == ObjectType::kChunk && ++chunks == 3) FlipBit(torn, object.offset + 200);
  }
  const std::vector<uint8_t> file = Repack(plan, torn);
  const MemorySource source(file);
  DumpReader reader = DumpReader::OpenFile(source).TakeValue();
  CollectingVisitor visitor;
  const DumpVerdict verdict = reader.Walk(visitor).TakeValue();
  EXPECT_EQ(verdict.state, DumpState::kIncomplete);
  EXPECT_EQ(reader.trailer()->result, DumpResult::kStopped);
  plan.pages = {{PageKind::kData, 0x100, 128}};
  EXPECT_TRUE(visitor.PagesAreRight(plan));
}

TEST_F(DumpRepackerTest, ADumpThatChangesIsAnError) {
  DumpPlan plan = RegionPlan(300, 4 * kMiB);
  std::vector<uint8_t> region = BuildDump(plan);
  const MemorySource source(region);
  DumpReader reader = DumpReader::Open(source, plan.parameters.layout, plan.credentials).TakeValue();
  const DumpImage image = DumpImage::Read(reader).TakeValue();
  const DumpRepacker repacker = DumpRepacker::Create(reader, image).TakeValue();
  size_t chunks = 0;
  for (const PlacedObject& object : ListObjects(region)) {
    if (object.type == ObjectType::kChunk && ++chunks == 3) FlipBit(region, object.offset + 200);
  }
  MemorySink sink;
  const Result<uint64_t> bytes = repacker.Write(sink, {});
  ASSERT_FALSE(bytes.ok());
  EXPECT_EQ(bytes.error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace crashdump
