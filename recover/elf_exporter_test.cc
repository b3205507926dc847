// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/elf_exporter.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file_sink.h"
#include "common/base/io.h"
#include "common/crypto/crypto.h"
#include "common/testing/dump_builder.h"
#include "common/testing/vmcore_builder.h"
#include "common/vmcore/physical_memory.h"
#include "common/vmcore/vmcore.h"

namespace crashdump {
namespace {

using testing::OwnedSource;

constexpr uint64_t kPage = 4096;

// A dump of a file, with chosen pages and facts.
DumpPlan Plan(std::string facts, std::vector<PlannedPages> pages) {
  DumpPlan plan = FilePlan(0);
  plan.machine_facts = std::move(facts);
  plan.elf_notes.clear();
  plan.pages = std::move(pages);
  return plan;
}

struct Exported {
  Result<> result;
  std::vector<uint8_t> file;
  DumpVerdict verdict;
  uint64_t pages = 0;
  uint64_t blocks = 0;  // of 512 bytes
};

Exported Export(const std::vector<uint8_t>& dump) {
  Exported exported;
  const MemorySource source(dump);
  DumpReader reader = DumpReader::OpenFile(source).TakeValue();
  const Result<DumpImage> image = DumpImage::Read(reader);
  if (!image.ok()) {
    exported.result = image.error();
    return exported;
  }
  exported.verdict = image.value().verdict();
  exported.pages = image.value().page_count();
  const Result<ElfExporter> exporter = ElfExporter::Create(image.value(), 2);
  if (!exporter.ok()) {
    exported.result = exporter.error();
    return exported;
  }
  const UniqueFd fd(memfd_create("export", MFD_CLOEXEC));
  FileSink sink(fd.get());
  uint64_t counted = 0;
  const Result<uint64_t> written = exporter.value().Write(sink, [&](uint64_t pages) { counted = pages; });
  if (!written.ok()) {
    exported.result = written.error();
    return exported;
  }
  EXPECT_EQ(ftruncate(fd.get(), static_cast<off_t>(written.value())), 0);
  struct stat status {};
  EXPECT_EQ(fstat(fd.get(), &status), 0);
  exported.blocks = static_cast<uint64_t>(status.st_blocks);
  exported.file.resize(static_cast<size_t>(status.st_size));
  EXPECT_TRUE(PreadFull(fd.get(), 0, exported.file).ok());
  EXPECT_EQ(counted, exported.pages);
  EXPECT_LE(exported.blocks * 512, AlignUp(exporter.value().ExpectedBytes(), kPage));
  return exported;
}

Vmcore Open(const Exported& exported) {
  EXPECT_TRUE(exported.result.ok()) << exported.result.error().text();
  Result<Vmcore> vmcore = Vmcore::Open(std::make_unique<OwnedSource>(exported.file));
  EXPECT_TRUE(vmcore.ok()) << vmcore.error().text();
  return vmcore.TakeValue();
}

std::vector<uint8_t> PageAt(const Vmcore& vmcore, uint64_t pfn) {
  std::vector<uint8_t> page(kPage);
  EXPECT_TRUE(vmcore.ReadPhysical(pfn * kPage, page).ok()) << pfn;
  return page;
}

class ElfExporterTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(InitializeCrypto().ok()); }
};

TEST_F(ElfExporterTest, GivesEachRunInEachLoadItsVirtualAddress) {
  // Text over pages 0x100 to 0x110, the direct map over all; pages 0x108 and 0x109 are not in the dump.
  const Exported exported = Export(BuildDump(
      Plan("elf_machine=62\nload=100000,10000,10000,ffffffff81000000\nload=100000,100000,100000,ffff888000100000\n",
           {{PageKind::kData, 0x100, 8}, {PageKind::kZero, 0x10a, 0xe0}, {PageKind::kData, 0x1ea, 2}})));
  const Vmcore vmcore = Open(exported);
  ASSERT_EQ(vmcore.loads().size(), 4U);
  const auto& loads = vmcore.loads();
  EXPECT_EQ(loads[0].virtual_address, 0xffffffff81000000);
  EXPECT_EQ(loads[0].physical(), (Range{0x100000, 0x108000}));
  EXPECT_EQ(loads[1].virtual_address, 0xffffffff8100a000);
  EXPECT_EQ(loads[1].physical(), (Range{0x10a000, 0x110000}));
  EXPECT_EQ(loads[2].virtual_address, 0xffff888000100000);
  EXPECT_EQ(loads[2].file_offset, loads[0].file_offset);
  EXPECT_EQ(loads[3].virtual_address, 0xffff88800010a000);
  EXPECT_EQ(loads[3].physical(), (Range{0x10a000, 0x1ec000}));
  EXPECT_TRUE(IsAligned(loads[0].file_offset, kPage));

  EXPECT_EQ(PhysicalMemory(vmcore).total_pages(), 8U + 0xe0 + 2);
  for (const uint64_t pfn : {0x100U, 0x107U, 0x1eaU, 0x1ebU}) {
    EXPECT_TRUE(Equal(PageAt(vmcore, pfn), TestPage(pfn, kPage))) << pfn;
  }
  EXPECT_TRUE(AllZero(PageAt(vmcore, 0x10a)));
  std::vector<uint8_t> page(kPage);
  EXPECT_FALSE(vmcore.ReadPhysical(0x108 * kPage, page).ok());
  // The zero pages are a hole.
  EXPECT_LT(exported.blocks * 512, 0x40 * kPage);
  EXPECT_EQ(exported.verdict.state, DumpState::kComplete);
}

TEST_F(ElfExporterTest, NotesComeFromTheDumpAndElseFromVmcoreinfo) {
  DumpPlan plan = Plan("load=100000,1000,1000,0\n", {{PageKind::kData, 0x100, 1}});
  Vmcore vmcore = Open(Export(BuildDump(plan)));
  ASSERT_NE(vmcore.vmcoreinfo(), nullptr);
  EXPECT_EQ(vmcore.vmcoreinfo()->OsRelease().value(), "6.1.0-test");
  testing::VmcoreBuilder original;
  original.AddCpu().AddCpu().AddCpu().AddLoad({.physical = 0, .data = std::vector<uint8_t>(kPage)});
  const Vmcore three_cpus = Vmcore::Open(original.BuildSource()).TakeValue();
  plan.elf_notes = TextOf(three_cpus.notes());
  vmcore = Open(Export(BuildDump(plan)));
  EXPECT_TRUE(Equal(vmcore.notes(), three_cpus.notes()));
  EXPECT_EQ(vmcore.cpu_count(), 3U);
}

TEST_F(ElfExporterTest, UnreadablePagesAreInNoLoad) {
  const Exported exported = Export(
      BuildDump(Plan("load=100000,5000,5000,0\n",
                     {{PageKind::kData, 0x100, 2}, {PageKind::kUnreadable, 0x102, 1}, {PageKind::kData, 0x103, 2}})));
  const Vmcore vmcore = Open(exported);
  EXPECT_EQ(PhysicalMemory(vmcore).ranges(), (std::vector<Range>{{0x100, 0x102}, {0x103, 0x105}}));
  EXPECT_EQ(exported.verdict.unreadable_pages, 1U);
  EXPECT_EQ(exported.pages, 4U);
}

TEST_F(ElfExporterTest, PagesOfNoKnownLoadGetOneWithoutVirtualAddress) {
  const Vmcore vmcore =
      Open(Export(BuildDump(Plan("load=101000,1000,1000,ffff888000101000\nload=103800,1000,1000,ffff888000103800\n",
                                 {{PageKind::kData, 0x100, 7}, {PageKind::kData, 0x200, 1}}))));
  std::vector<std::pair<Range, uint64_t>> found;
  for (const ElfSegment& load : vmcore.loads()) found.emplace_back(load.physical(), load.virtual_address);
  const std::vector<std::pair<Range, uint64_t>> expected = {{{0x101000, 0x102000}, 0xffff888000101000},
                                                            {{0x103800, 0x104800}, 0xffff888000103800},
                                                            {{0x100000, 0x101000}, 0},
                                                            {{0x102000, 0x103000}, 0},
                                                            {{0x105000, 0x107000}, 0},
                                                            {{0x200000, 0x201000}, 0}};
  EXPECT_EQ(found, expected);
}

TEST_F(ElfExporterTest, PagesInAnyOrderAreSorted) {
  const Vmcore vmcore = Open(
      Export(BuildDump(Plan("load=100000,8000,8000,0\n", {{PageKind::kData, 0x104, 4}, {PageKind::kData, 0x100, 4}}))));
  ASSERT_EQ(vmcore.loads().size(), 1U);
  for (uint64_t pfn = 0x100; pfn < 0x108; ++pfn) EXPECT_TRUE(Equal(PageAt(vmcore, pfn), TestPage(pfn, kPage))) << pfn;
}

TEST_F(ElfExporterTest, MoreLoadsThanTheHeaderCanCount) {
  std::vector<PlannedPages> pages;
  constexpr uint32_t kRuns = 70000;
  for (uint32_t i = 0; i < kRuns; ++i) pages.push_back({PageKind::kZero, 0x100 + 2 * uint64_t{i}, 1});
  const Vmcore vmcore = Open(Export(BuildDump(Plan("load=100000,40000000,40000000,ffff888000100000\n", pages))));
  EXPECT_EQ(vmcore.loads().size(), kRuns);
  EXPECT_EQ(vmcore.loads().back().physical_address, (0x100 + 2 * uint64_t{kRuns - 1}) * kPage);
}

TEST_F(ElfExporterTest, OtherMachinesKeepClassAndByteOrder) {
  const std::string facts = "elf_machine=3\nelf_class=32\nload=100000,2000,2000,c0100000\n";
  Vmcore vmcore = Open(Export(BuildDump(Plan(facts, {{PageKind::kData, 0x100, 2}}))));
  EXPECT_EQ(vmcore.machine(), kElfMachine386);
  EXPECT_EQ(vmcore.elf_word(), WordSize::k32);
  EXPECT_EQ(vmcore.loads()[0].virtual_address, 0xc0100000);
  // Beyond 4 GiB 32-bit headers cannot say where it is.
  vmcore = Open(Export(BuildDump(Plan(facts, {{PageKind::kData, 0x100, 2}, {PageKind::kData, 0x100000, 1}}))));
  EXPECT_EQ(vmcore.elf_word(), WordSize::k64);
  EXPECT_EQ(vmcore.format().word, WordSize::k32);
  EXPECT_EQ(vmcore.machine(), kElfMachine386);
  // High memory has no address, in headers of either width.
  const std::string high =
      "elf_machine=3\nelf_class=32\nload=100000,2000,2000,c0100000\nload=40000000,c2000000,c2000000,ffffffff\n";
  for (const uint64_t last_pfn : {uint64_t{0x40001}, uint64_t{0x100000}}) {
    vmcore = Open(Export(BuildDump(Plan(high, {{PageKind::kData, 0x100, 2}, {PageKind::kData, last_pfn, 1}}))));
    EXPECT_EQ(vmcore.loads()[1].virtual_address, vmcore.elf_word() == WordSize::k64 ? UINT64_MAX : UINT32_MAX);
    EXPECT_EQ(vmcore.loads()[1].physical_address, last_pfn * kPage);
  }
  vmcore = Open(Export(BuildDump(Plan("elf_machine=21\nbyte_order=big\nload=100000,2000,2000,c000000000100000\n",
                                      {{PageKind::kData, 0x100, 2}}))));
  EXPECT_EQ(vmcore.format().order, ByteOrder::kBig);
  EXPECT_TRUE(Equal(PageAt(vmcore, 0x101), TestPage(0x101, kPage)));
}

TEST_F(ElfExporterTest, WhatPrecedesATearIsExported) {
  DumpPlan plan = Plan("load=100000,100000,100000,ffff888000100000\n", {{PageKind::kData, 0x100, 0x80}});
  plan.pages_per_chunk = 16;
  std::vector<uint8_t> dump = BuildDump(plan);
  size_t chunks = 0;
  for (const PlacedObject& object : ListObjects(dump)) {
    if (object.type == ObjectType::kChunk && ++chunks == 4) FlipBit(dump, object.offset + 200);
  }
  ASSERT_EQ(chunks, 8U);
  const Exported exported = Export(dump);
  EXPECT_EQ(exported.verdict.state, DumpState::kTorn);
  const Vmcore vmcore = Open(exported);
  EXPECT_EQ(PhysicalMemory(vmcore).ranges(), (std::vector<Range>{{0x100, 0x130}}));
  for (uint64_t pfn = 0x100; pfn < 0x130; ++pfn) EXPECT_TRUE(Equal(PageAt(vmcore, pfn), TestPage(pfn, kPage))) << pfn;
}

TEST_F(ElfExporterTest, FactsThatCannotBeAreRefused) {
  for (const char* facts : {"load=1,2,3\n", "load=1,2,3,4,5\n", "load=,,,\n", "load=xyz,1,1,1\n",
                            "load=ffffffffffffffff,ff,ff,0\n", "no line of a record\n"}) {
    const Exported exported = Export(BuildDump(Plan(facts, {{PageKind::kData, 0x100, 1}})));
    EXPECT_FALSE(exported.result.ok()) << facts;
  }
  // As many pieces of memory as nobody has.
  std::string facts;
  for (int i = 0; i < 1000; ++i) facts += "load=100000,40000000,40000000,0\n";
  std::vector<PlannedPages> pages;
  for (uint32_t i = 0; i < 10000; ++i) pages.push_back({PageKind::kZero, 0x100 + 2 * uint64_t{i}, 1});
  EXPECT_FALSE(Export(BuildDump(Plan(facts, pages))).result.ok());
}

TEST_F(ElfExporterTest, ADumpThatChangesBetweenTheWalksIsAnError) {
  std::vector<uint8_t> dump = BuildDump(Plan("load=100000,4000,4000,0\n", {{PageKind::kData, 0x100, 4}}));
  const MemorySource source(dump);
  DumpReader reader = DumpReader::OpenFile(source).TakeValue();
  const DumpImage image = DumpImage::Read(reader).TakeValue();
  const ElfExporter exporter = ElfExporter::Create(image, 1).TakeValue();
  for (const PlacedObject& object : ListObjects(dump)) {
    if (object.type == ObjectType::kChunk) FlipBit(dump, object.offset + 200);
  }
  const UniqueFd fd(memfd_create("export", MFD_CLOEXEC));
  FileSink sink(fd.get());
  const Result<uint64_t> written = exporter.Write(sink, {});
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace crashdump
