// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/kdump_exporter.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file_sink.h"
#include "common/base/io.h"
#include "common/base/unique_fd.h"
#include "common/crypto/crypto.h"
#include "common/testing/dump_builder.h"
#include "common/testing/vmcore_builder.h"
#include "common/vmcore/vmcore.h"
#include "recover/kdump_file_test.h"

namespace crashdump {
namespace {

constexpr TargetFormat k64BitLittle{};
constexpr const char* kFacts =
    "release=6.1.0-test\nmachine=x86_64\ncpus=3\ndump_level=31\n"
    "load=100000,10000,10000,ffffffff81000000\nload=100000,100000,100000,ffff888000100000\n";

DumpPlan Plan(std::string facts, std::vector<PlannedPages> pages) {
  DumpPlan plan = FilePlan(0);
  plan.machine_facts = std::move(facts);
  plan.elf_notes.clear();
  plan.pages = std::move(pages);
  return plan;
}

Result<std::vector<uint8_t>> TryExport(const std::vector<uint8_t>& dump, const EncodeOptions& options) {
  const MemorySource source(dump);
  DumpReader reader = TRY(DumpReader::OpenFile(source));
  const DumpImage image = TRY(DumpImage::Read(reader));
  const KdumpExporter exporter = TRY(KdumpExporter::Create(image, options));
  const UniqueFd fd(memfd_create("export", MFD_CLOEXEC));
  FileSink sink(fd.get());
  uint64_t counted = 0;
  const uint64_t bytes = TRY(exporter.Write(sink, [&](uint64_t pages) { counted = pages; }));
  EXPECT_EQ(counted, image.page_count());
  struct stat status {};
  EXPECT_EQ(fstat(fd.get(), &status), 0);
  EXPECT_EQ(static_cast<uint64_t>(status.st_size), bytes);
  std::vector<uint8_t> file(static_cast<size_t>(bytes));
  TRY(PreadFull(fd.get(), 0, file));
  return file;
}

KdumpFile Export(const std::vector<uint8_t>& dump, PageCompression compression = PageCompression::kZstd,
                 TargetFormat format = k64BitLittle, unsigned threads = 2) {
  Result<std::vector<uint8_t>> file = TryExport(dump, {.compression = compression, .threads = threads});
  EXPECT_TRUE(file.ok()) << file.error().text();
  return {file.TakeValue(), format};
}

// Exactly the planned pages are there, and right.
void ExpectPages(const KdumpFile& file, const std::vector<PlannedPages>& planned) {
  std::set<uint64_t> expected;
  for (const PlannedPages& run : planned) {
    for (uint64_t pfn = run.first_pfn; pfn < run.first_pfn + run.page_count; ++pfn) {
      if (run.kind == PageKind::kUnreadable) continue;
      expected.insert(pfn);
      ASSERT_TRUE(file.pages.contains(pfn)) << pfn;
      const auto page = file.ReadPage(pfn);
      ASSERT_TRUE(page) << pfn;
      if (run.kind == PageKind::kZero) {
        EXPECT_TRUE(AllZero(*page)) << pfn;
      } else {
        EXPECT_TRUE(Equal(*page, TestPage(pfn, static_cast<uint32_t>(file.block)))) << pfn;
      }
    }
  }
  std::set<uint64_t> found;
  for (const auto& [pfn, page] : file.pages) found.insert(pfn);
  EXPECT_EQ(found, expected);
}

class KdumpExporterTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(InitializeCrypto().ok()); }
};

TEST_F(KdumpExporterTest, SaysWhatMachineItWas) {
  const KdumpFile file = Export(BuildDump(Plan(kFacts, {{PageKind::kData, 0x100, 8}})), PageCompression::kZlib);
  EXPECT_EQ(TextOf(Bytes(file.bytes()).first(8)), "KDUMP   ");
  EXPECT_EQ(file.version, 6U);
  EXPECT_EQ(file.system, "Linux");
  EXPECT_EQ(file.release, "6.1.0-test");
  EXPECT_NE(file.kernel_version, "");
  EXPECT_EQ(file.machine, "x86_64");
  EXPECT_EQ(file.seconds, 1'700'000'000U);
  EXPECT_EQ(file.status, 0x1U);
  EXPECT_EQ(file.block, 4096U);
  EXPECT_EQ(file.bitmap_blocks, 2U);
  EXPECT_EQ(file.cpus, 3U);
  EXPECT_EQ(file.dump_level, 31U);
  EXPECT_EQ(file.max_pfn, 0x200U);
  EXPECT_EQ(file.max_pfn_64, 0x200U);
  // All that the original's PT_LOADs covered.
  EXPECT_EQ(file.ram.size(), 0x100U);
  EXPECT_EQ(*file.ram.begin(), 0x100U);
  EXPECT_EQ(Export(BuildDump(Plan(kFacts, {{PageKind::kZero, 0x100, 8}})), PageCompression::kZstd).status, 0x20U);
  EXPECT_EQ(Export(BuildDump(Plan(kFacts, {{PageKind::kZero, 0x100, 8}})), PageCompression::kNone).status, 0U);
}

TEST_F(KdumpExporterTest, EachPageIsWhatItWas) {
  const std::vector<PlannedPages> pages = {{PageKind::kData, 0x100, 0x50},
                                           {PageKind::kZero, 0x155, 0x20},
                                           {PageKind::kUnreadable, 0x180, 2},
                                           {PageKind::kData, 0x1f0, 0x20}};
  for (const PageCompression compression : {PageCompression::kZstd, PageCompression::kZlib, PageCompression::kNone}) {
    const KdumpFile file = Export(BuildDump(Plan(kFacts, pages)), compression);
    ExpectPages(file, pages);
    // Pages behind the last PT_LOAD too are memory.
    EXPECT_EQ(file.ram.size(), 0x110U);
    EXPECT_EQ(file.max_pfn_64, 0x210U);
  }
}

TEST_F(KdumpExporterTest, ZeroPagesShareOne) {
  DumpPlan plan = Plan(kFacts, {{PageKind::kZero, 0x100, 100}, {PageKind::kData, 0x164, 1}});
  const KdumpFile file = Export(BuildDump(plan));
  for (uint64_t pfn = 0x100; pfn < 0x164; ++pfn) {
    EXPECT_EQ(file.pages.at(pfn).offset, file.data_offset);
    EXPECT_EQ(file.pages.at(pfn).bytes, 4096U);
  }
  EXPECT_EQ(file.pages.at(0x164).offset, file.data_offset + 4096);
  EXPECT_LE(file.bytes().size(), file.data_offset + 2 * uint64_t{4096});
}

// Passes of a dump, each ascending, in whatever order: the file is the same.
TEST_F(KdumpExporterTest, OrderAndPassesOfTheDumpDoNotMatter) {
  DumpPlan ascending = Plan(kFacts, {{PageKind::kData, 0x100, 0x60}, {PageKind::kZero, 0x160, 0x40}});
  const KdumpFile file = Export(BuildDump(ascending));

  DumpPlan passes = Plan(kFacts, {});
  for (uint64_t pfn = 0x1a0; pfn-- > 0x160;) passes.pages.push_back({PageKind::kZero, pfn, 1});
  // Four passes: each has every fourth page.
  for (uint64_t pass = 0; pass < 4; ++pass) {
    for (uint64_t pfn = 0x100 + pass; pfn < 0x160; pfn += 4) passes.pages.push_back({PageKind::kData, pfn, 1});
  }
  passes.pages_per_chunk = 7;
  EXPECT_EQ(Export(BuildDump(passes)).bytes(), file.bytes());
}

TEST_F(KdumpExporterTest, TheNumberOfThreadsDoesNotMatter) {
  DumpPlan plan = Plan(kFacts, {});
  for (uint64_t pfn = 0; pfn < 3000; pfn += 3) plan.pages.push_back({PageKind::kData, pfn, 2});
  plan.pages.push_back({PageKind::kZero, 5000, 10000});
  const std::vector<uint8_t> dump = BuildDump(plan);
  const KdumpFile file = Export(dump, PageCompression::kZstd, k64BitLittle, 1);
  ExpectPages(file, plan.pages);
  for (const unsigned threads : {2U, 3U, 16U}) {
    EXPECT_EQ(Export(dump, PageCompression::kZstd, k64BitLittle, threads).bytes(), file.bytes()) << threads;
  }
}

TEST_F(KdumpExporterTest, NotesAndVmcoreinfoAreKept) {
  testing::VmcoreBuilder original;
  original.AddCpu().AddCpu().AddLoad({.physical = 0, .data = std::vector<uint8_t>(4096)});
  const Vmcore vmcore = Vmcore::Open(original.BuildSource()).TakeValue();
  DumpPlan plan = Plan(kFacts, {{PageKind::kData, 0x100, 1}});
  plan.elf_notes = TextOf(vmcore.notes());
  KdumpFile file = Export(BuildDump(plan));
  EXPECT_TRUE(Equal(BytesOf(file.notes), vmcore.notes()));
  EXPECT_EQ(file.vmcoreinfo, vmcore.vmcoreinfo()->text());
  // Without notes, they are made from VMCOREINFO: libkdumpfile looks for it there.
  plan.elf_notes.clear();
  file = Export(BuildDump(plan));
  EXPECT_EQ(file.vmcoreinfo, plan.vmcoreinfo);
  EXPECT_NE(file.notes.find(std::string("VMCOREINFO\0", 11)), std::string::npos);
  // More notes than a block holds.
  plan.elf_notes.assign(100'000, 'x');
  file = Export(BuildDump(plan));
  EXPECT_EQ(file.notes, plan.elf_notes);
  EXPECT_EQ(file.vmcoreinfo, "");
  ExpectPages(file, plan.pages);
}

TEST_F(KdumpExporterTest, PhysBaseIsTheKernelsOwnOrThatOfItsImage) {
  DumpPlan plan = Plan(kFacts, {{PageKind::kData, 0x100, 1}});
  EXPECT_EQ(Export(BuildDump(plan)).phys_base, uint64_t{0x100000} - 0x1000000);
  plan.vmcoreinfo += "NUMBER(phys_base)=-872415232\n";
  EXPECT_EQ(Export(BuildDump(plan)).phys_base, 0xffffffffcc000000);
}

TEST_F(KdumpExporterTest, WhatPrecedesATearIsExportedAndCalledIncomplete) {
  DumpPlan plan = Plan(kFacts, {{PageKind::kData, 0x100, 0x80}});
  plan.pages_per_chunk = 16;
  std::vector<uint8_t> dump = BuildDump(plan);
  size_t chunks = 0;
  for (const PlacedObject& object : ListObjects(dump)) {
    if (object.type == ObjectType::kChunk && ++chunks == 4) FlipBit(dump, object.offset + 200);
  }
  const KdumpFile file = Export(dump);
  EXPECT_EQ(file.status, 0x28U);
  ExpectPages(file, {{PageKind::kData, 0x100, 0x30}});
  EXPECT_EQ(file.ram.size(), 0x100U);
  // So is a dump that says itself what it lacks.
  plan.result = DumpResult::kNoSpace;
  EXPECT_EQ(Export(BuildDump(plan)).status, 0x28U);
}

TEST_F(KdumpExporterTest, I386HasALayoutOfItsOwn) {
  const std::vector<PlannedPages> pages = {{PageKind::kData, 0x100, 5}, {PageKind::kZero, 0x110, 1}};
  for (const char* const elf_class : {"32", "64"}) {  // 64: PAE
    const KdumpFile file =
        Export(BuildDump(Plan(std::string("release=6.1.0-686\nmachine=i686\nelf_machine=3\nelf_class=") + elf_class +
                                  "\nload=100000,20000,20000,c0100000\n",
                              pages)),
               PageCompression::kZlib, {.order = ByteOrder::kLittle, .word = WordSize::k32});
    EXPECT_EQ(file.machine, "i686");
    EXPECT_EQ(file.seconds, 1'700'000'000U);
    EXPECT_EQ(file.block, 4096U);
    EXPECT_EQ(file.cpus, 1U);
    EXPECT_EQ(file.max_pfn_64, 0x120U);
    EXPECT_EQ(file.ram.size(), 0x20U);
    EXPECT_EQ(file.vmcoreinfo, "OSRELEASE=6.1.0-test\nPAGESIZE=4096\n");
    ExpectPages(file, pages);
  }
}

TEST_F(KdumpExporterTest, BigEndianMachinesKeepTheirByteOrderAndPageSize) {
  const std::vector<PlannedPages> pages = {{PageKind::kData, 0x10, 9}, {PageKind::kZero, 0x30, 1}};
  DumpPlan plan =
      Plan("machine=ppc64\nelf_machine=21\nbyte_order=big\nload=100000,300000,300000,c000000000100000\n", pages);
  plan.parameters.page_bytes = 65536;
  for (const PageCompression compression : {PageCompression::kZstd, PageCompression::kZlib}) {
    const KdumpFile file = Export(BuildDump(plan), compression, {.order = ByteOrder::kBig, .word = WordSize::k64});
    EXPECT_EQ(file.version, 6U);
    EXPECT_EQ(file.block, 65536U);
    EXPECT_EQ(file.machine, "ppc64");
    EXPECT_EQ(file.phys_base, 0U);
    EXPECT_EQ(file.max_pfn_64, 0x40U);
    ExpectPages(file, pages);
  }
}

TEST_F(KdumpExporterTest, BitmapsOfMoreThanOneBlock) {
  const std::vector<PlannedPages> pages = {
      {PageKind::kZero, 0x7ffd, 0x9003}, {PageKind::kData, 0x20000, 1}, {PageKind::kData, 0x2ffff, 1}};
  const KdumpFile file = Export(BuildDump(Plan("load=5000,1234,1234,0\nload=7ffd000,28003000,28003000,0\n", pages)));
  ExpectPages(file, pages);
  EXPECT_EQ(file.bitmap_blocks, 2 * 6U);
  EXPECT_EQ(file.ram.size(), 2 + 0x28003U);
  EXPECT_TRUE(file.ram.contains(6) && !file.ram.contains(7) && file.ram.contains(0x7ffd) && !file.ram.contains(0x7ffc));
}

TEST_F(KdumpExporterTest, MachinesWithoutAKnownLayoutAreRefused) {
  const struct {
    const char* facts;
    uint64_t pfn;
    const char* word;
  } cases[] = {{"machine=ppc\nelf_machine=20\nelf_class=32\nbyte_order=big\n", 0x100, "32-bit machine"},
               {kFacts, uint64_t{1} << 40, "bitmaps"},
               {"load=1,2,3\n", 0x100, "load="}};
  for (const auto& [facts, pfn, word] : cases) {
    const Result<std::vector<uint8_t>> file = TryExport(BuildDump(Plan(facts, {{PageKind::kData, pfn, 1}})), {});
    ASSERT_FALSE(file.ok());
    EXPECT_NE(std::string(file.error().text()).find(word), std::string::npos) << file.error().text();
  }
}

}  // namespace
}  // namespace crashdump
