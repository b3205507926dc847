// SPDX-License-Identifier: GPL-2.0-or-later
// ElfFile over files of both classes and byte orders, of several makers, and over damaged ones.
#include "common/vmcore/elf_file.h"

#include <gtest/gtest.h>

#include <string>

#include "common/testing/vmcore_builder.h"
#include "common/vmcore/elf_layout.h"

namespace crashdump {
namespace {

using testing::VmcoreBuilder;

VmcoreBuilder TwoLoads() {
  VmcoreBuilder builder;
  builder.AddLoad({.physical = 0x1000, .data = std::vector<uint8_t>(4096, 1), .virtual_address = 0xffff888000001000})
      .AddLoad({.physical = 0x8000, .data = std::vector<uint8_t>(8192, 2), .extra_memory = 4096});
  return builder;
}

std::string ErrorText(const std::vector<uint8_t>& file) {
  const Result<ElfFile> elf = ElfFile::Read(MemorySource(file));
  return elf.ok() ? "" : elf.error().text();
}

// Overwrites a field of program header `index` (0 is the PT_NOTE).
void SetField(std::vector<uint8_t>& file, uint64_t index, ElfField field, uint64_t value) {
  const uint64_t at = kElf64Layout.header_bytes + index * kElf64Layout.program_header_bytes;
  field.Store(MutableBytes(file).subspan(at), value, ByteOrder::kLittle);
}

void SetHeaderField(std::vector<uint8_t>& file, ElfField field, uint64_t value) {
  field.Store(file, value, ByteOrder::kLittle);
}

struct Variant {
  TargetFormat format;
  uint16_t machine;
  VmcoreBuilder::Headers headers;
};

class ElfFileVariants : public ::testing::TestWithParam<Variant> {};

TEST_P(ElfFileVariants, HeadersAreRead) {
  const Variant& variant = GetParam();
  VmcoreBuilder builder;
  builder.Format(variant.format, variant.machine).HeaderStyle(variant.headers);
  builder.AddLoad({.physical = 0x1000, .data = std::vector<uint8_t>(4096, 1), .virtual_address = 0xc0001000})
      .AddLoad({.physical = 0x8000, .data = std::vector<uint8_t>(8192, 2), .extra_memory = 4096});
  const std::vector<uint8_t> file = builder.Build();
  const Result<ElfFile> elf = ElfFile::Read(MemorySource(file));
  ASSERT_TRUE(elf.ok()) << elf.error().text();
  EXPECT_EQ(elf.value().format(), variant.format);
  EXPECT_EQ(elf.value().machine(), variant.machine);
  ASSERT_EQ(elf.value().notes().size(), 1U);
  ASSERT_EQ(elf.value().loads().size(), 2U);
  const ElfSegment& first = elf.value().loads()[0];
  const ElfSegment& second = elf.value().loads()[1];
  EXPECT_EQ(first.number, 1U);
  EXPECT_EQ(first.virtual_address, 0xc0001000U);
  EXPECT_EQ(first.physical(), (Range{0x1000, 0x2000}));
  EXPECT_EQ(file[first.file_offset], 1);
  EXPECT_EQ(second.physical(), (Range{0x8000, 0xa000}));
  EXPECT_EQ(second.memory_size, 12288U);
  EXPECT_EQ(file[second.file_offset + 8191], 2);
}

constexpr TargetFormat kLittle64 = {ByteOrder::kLittle, WordSize::k64};
constexpr TargetFormat kBig64 = {ByteOrder::kBig, WordSize::k64};
constexpr TargetFormat kLittle32 = {ByteOrder::kLittle, WordSize::k32};
constexpr TargetFormat kBig32 = {ByteOrder::kBig, WordSize::k32};

INSTANTIATE_TEST_SUITE_P(All, ElfFileVariants,
                         ::testing::Values(Variant{kLittle64, kElfMachineX86_64, VmcoreBuilder::Headers::kKernel},
                                           Variant{kLittle64, kElfMachineX86_64, VmcoreBuilder::Headers::kQemu},
                                           Variant{kLittle64, kElfMachineX86_64, VmcoreBuilder::Headers::kManySegments},
                                           Variant{kBig64, kElfMachinePpc64, VmcoreBuilder::Headers::kKernel},
                                           Variant{kBig64, kElfMachinePpc64, VmcoreBuilder::Headers::kManySegments},
                                           Variant{kLittle32, kElfMachine386, VmcoreBuilder::Headers::kKernel},
                                           Variant{kLittle32, kElfMachine386, VmcoreBuilder::Headers::kQemu},
                                           Variant{kBig32, kElfMachinePpc, VmcoreBuilder::Headers::kManySegments}));

TEST(ElfFile, QemusTableIsBehindTheSectionHeaders) {
  const std::vector<uint8_t> file = TwoLoads().HeaderStyle(VmcoreBuilder::Headers::kQemu).Build();
  EXPECT_EQ(kElf64Layout.program_offset.Load(file, ByteOrder::kLittle), 192U);
  EXPECT_EQ(ErrorText(file), "");
}

TEST(ElfFile, BigEndianWhateverTheIdentSays) {
  std::vector<uint8_t> file = TwoLoads().Format(kBig64, kElfMachinePpc64).Build();
  file[kElfIdentData] = kElfDataLittle;
  const Result<ElfFile> elf = ElfFile::Read(MemorySource(file));
  ASSERT_TRUE(elf.ok()) << elf.error().text();
  EXPECT_EQ(elf.value().format(), kBig64);
  EXPECT_EQ(elf.value().machine(), kElfMachinePpc64);
  EXPECT_EQ(elf.value().loads().size(), 2U);
}

TEST(ElfFile, OtherFilesAreRefused) {
  EXPECT_EQ(ErrorText({}), "not an ELF file: offset 0: needs 16 bytes, the data end at 0");
  EXPECT_EQ(ErrorText(std::vector<uint8_t>(4096)), "not an ELF file");
  std::vector<uint8_t> file = TwoLoads().Build();
  file[kElfIdentClass] = 3;
  EXPECT_EQ(ErrorText(file), "ELF header: unknown class 3, byte order 1 or version 1");
  file = TwoLoads().Build();
  SetHeaderField(file, kElf64Layout.type, 2);
  EXPECT_EQ(ErrorText(file), "an ELF file of type 2, not a memory image (type 4)");
}

TEST(ElfFile, TruncationNamesSegmentAndSizes) {
  std::vector<uint8_t> file = TwoLoads().Build();
  const size_t full = file.size();
  file.pop_back();
  EXPECT_EQ(ErrorText(file), "truncated: segment 2 needs bytes up to " + std::to_string(full) + ", the file has " +
                                 std::to_string(full - 1));
}

TEST(ElfFile, EveryPrefixOfAFileIsRefused) {
  const std::vector<uint8_t> file = TwoLoads().Build();
  for (size_t size = 0; size < file.size(); size += size < 1024 ? 1 : 509) {
    EXPECT_NE(ErrorText({file.begin(), file.begin() + static_cast<ptrdiff_t>(size)}), "") << size;
  }
  EXPECT_EQ(ErrorText(file), "");
}

TEST(ElfFile, ASourceWithoutASizeIsNotHeldAgainstIt) {
  class Sizeless final : public ByteSource {
   public:
    explicit Sizeless(Bytes bytes) : memory_(bytes) {}
    Result<> ReadAt(uint64_t offset, MutableBytes out) const override { return memory_.ReadAt(offset, out); }
    uint64_t size() const override { return 0; }

   private:
    MemorySource memory_;
  };
  std::vector<uint8_t> file = TwoLoads().Build();
  file.resize(file.size() - 4096);
  EXPECT_TRUE(ElfFile::Read(Sizeless(file)).ok());
  EXPECT_FALSE(ElfFile::Read(MemorySource(file)).ok());
}

TEST(ElfFile, OverflowsAreFound) {
  std::vector<uint8_t> file = TwoLoads().Build();
  SetField(file, 1, kElf64Layout.file_offset, UINT64_MAX - 100);
  EXPECT_EQ(ErrorText(file), "segment 1: 4096 bytes at offset 18446744073709551515 of the file");
  file = TwoLoads().Build();
  SetField(file, 2, kElf64Layout.physical_address, UINT64_MAX - 8192);
  EXPECT_EQ(ErrorText(file), "segment 2: 8192 bytes in the file for 12288 bytes of memory at 0xffffffffffffdfff");
  file = TwoLoads().Build();
  SetField(file, 2, kElf64Layout.memory_size, 8191);
  EXPECT_EQ(ErrorText(file), "segment 2: 8192 bytes in the file for 8191 bytes of memory at 0x8000");
  file = TwoLoads().Build();
  SetHeaderField(file, kElf64Layout.program_offset, UINT64_MAX - 56);
  EXPECT_EQ(ErrorText(file), "ELF header: 3 program headers of 56 bytes at 18446744073709551559");
  file = TwoLoads().Build();
  SetHeaderField(file, kElf64Layout.program_entry_bytes, 32);
  EXPECT_EQ(ErrorText(file), "ELF header: 3 program headers of 32 bytes at 64");
}

TEST(ElfFile, AHugeCountIsRefused) {
  std::vector<uint8_t> file = TwoLoads().HeaderStyle(VmcoreBuilder::Headers::kManySegments).Build();
  kElf64Layout.section_info.Store(MutableBytes(file).subspan(kElf64Layout.header_bytes), UINT32_MAX,
                                  ByteOrder::kLittle);
  EXPECT_EQ(ErrorText(file), "ELF header: 4294967295 program headers of 56 bytes at 128");
}

TEST(ElfFile, MoreSegmentsThanOneBatch) {
  VmcoreBuilder builder;
  for (uint64_t i = 0; i < 150; ++i) builder.AddLoad({.physical = i * 0x10000, .data = {uint8_t(i)}});
  const Result<ElfFile> elf = ElfFile::Read(MemorySource(builder.Build()));
  ASSERT_TRUE(elf.ok());
  ASSERT_EQ(elf.value().loads().size(), 150U);
  EXPECT_EQ(elf.value().loads()[149].physical(), (Range{0x950000, 0x950001}));
}

TEST(ElfFile, MemoryThatQemuFilteredOutIsNoLoad) {
  std::vector<uint8_t> file = TwoLoads().Build();
  SetField(file, 1, kElf64Layout.file_offset, UINT64_MAX);
  SetField(file, 1, kElf64Layout.file_size, 0);
  const Result<ElfFile> elf = ElfFile::Read(MemorySource(file));
  ASSERT_TRUE(elf.ok()) << elf.error().text();
  ASSERT_EQ(elf.value().loads().size(), 1U);
  EXPECT_EQ(elf.value().loads()[0].number, 2U);
}

}  // namespace
}  // namespace crashdump
