// SPDX-License-Identifier: GPL-2.0-or-later
// Vmcore: facts from the notes, the page size, and memory by physical address.
#include "common/vmcore/vmcore.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "common/base/io.h"
#include "common/testing/vmcore_builder.h"
#include "common/vmcore/elf_notes.h"

namespace crashdump {
namespace {

using testing::VmcoreBuilder;

constexpr TargetFormat kLittle64 = {ByteOrder::kLittle, WordSize::k64};
constexpr TargetFormat kBig64 = {ByteOrder::kBig, WordSize::k64};

Vmcore Open(const VmcoreBuilder& builder) {
  Result<Vmcore> vmcore = Vmcore::Open(builder.BuildSource());
  EXPECT_TRUE(vmcore.ok()) << (vmcore.ok() ? "" : vmcore.error().text());
  return vmcore.TakeValue();
}

TEST(Vmcore, Facts) {
  VmcoreBuilder builder;
  builder.AddCpu().AddCpu().AddNote("QEMU", 0, {}).AddLoad({.physical = 0, .data = {1}});
  const Vmcore vmcore = Open(builder);
  EXPECT_STREQ(vmcore.machine_name(), "x86_64");
  EXPECT_EQ(vmcore.page_size(), 4096U);
  EXPECT_EQ(vmcore.cpu_count(), 2U);
  EXPECT_TRUE(vmcore.warnings().empty());
  EXPECT_FALSE(vmcore.mappable_fd());
  ASSERT_NE(vmcore.vmcoreinfo(), nullptr);
  EXPECT_EQ(vmcore.vmcoreinfo()->OsRelease().value(), "6.1.0-test");
  EXPECT_EQ(vmcore.RequireVmcoreinfo().value(), vmcore.vmcoreinfo());
  // The raw notes, to be handed on.
  ElfNoteReader reader(vmcore.notes(), ByteOrder::kLittle);
  EXPECT_EQ(reader.Next().value()->name, "CORE");
}

TEST(Vmcore, WithoutVmcoreinfoMemoryCanStillBeRead) {
  VmcoreBuilder builder;
  builder.WithoutInfo().AddLoad({.physical = 0x1000, .data = {1, 2, 3}});
  const Vmcore vmcore = Open(builder);
  EXPECT_EQ(vmcore.page_size(), 4096U);
  EXPECT_EQ(vmcore.vmcoreinfo(), nullptr);
  ASSERT_EQ(vmcore.warnings().size(), 1U);
  EXPECT_EQ(vmcore.warnings()[0].substr(0, 18), "no VMCOREINFO note");
  EXPECT_EQ(vmcore.RequireVmcoreinfo().error().code(), ErrorCode::kNotFound);
}

TEST(Vmcore, PageSizeOfMachinesWithSeveral) {
  VmcoreBuilder builder;
  builder.Format(kLittle64, kElfMachinePpc64).Info("PAGESIZE", "65536");
  EXPECT_EQ(Open(builder).page_size(), 65536U);
  EXPECT_STREQ(Open(builder).machine_name(), "ppc64le");
  builder.Format(kBig64, kElfMachinePpc64);
  EXPECT_STREQ(Open(builder).machine_name(), "ppc64");
  EXPECT_EQ(Open(builder).page_size(), 65536U);
  builder.WithoutInfo();
  const Result<Vmcore> unknown = Vmcore::Open(builder.BuildSource());
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(std::string_view(unknown.error().text()).substr(0, 29), "the page size is not known: n");
}

TEST(Vmcore, AWrongPageSizeIsAWarningWhereItIsKnown) {
  VmcoreBuilder builder;
  builder.Info("PAGESIZE", "65536");
  EXPECT_EQ(Open(builder).page_size(), 4096U);
  ASSERT_EQ(Open(builder).warnings().size(), 1U);
  EXPECT_EQ(Open(builder).warnings()[0], "VMCOREINFO: PAGESIZE is 65536, of this machine it is 4096");
  builder.Info("PAGESIZE", "x");
  EXPECT_EQ(Open(builder).page_size(), 4096U);
  EXPECT_EQ(Open(builder).warnings().size(), 1U);
}

TEST(Vmcore, DamagedNotesAreAWarning) {
  VmcoreBuilder builder;
  builder.AddCpu().AddLoad({.physical = 0, .data = {9}});
  std::vector<uint8_t> file = builder.Build();
  // The descriptor size of the first note.
  const Result<ElfFile> elf = ElfFile::Read(MemorySource(file));
  StoreInteger(MutableBytes(file).subspan(elf.value().notes()[0].file_offset + 4, 4), UINT32_MAX, ByteOrder::kLittle);
  const Result<Vmcore> vmcore = Vmcore::Open(std::make_unique<testing::OwnedSource>(file));
  ASSERT_TRUE(vmcore.ok());
  EXPECT_EQ(vmcore.value().cpu_count(), 0U);
  ASSERT_EQ(vmcore.value().warnings().size(), 2U);
  EXPECT_EQ(vmcore.value().warnings()[0].substr(0, 9), "note at 0");
}

TEST(Vmcore, UnreadableNotesAreAWarning) {
  auto source = VmcoreBuilder().AddLoad({.physical = 0, .data = {9}}).BuildSource();
  const uint64_t notes = ElfFile::Read(*source).value().notes()[0].file_offset;
  source->FailAt({notes, notes + 1});
  const Result<Vmcore> vmcore = Vmcore::Open(std::move(source));
  ASSERT_TRUE(vmcore.ok());
  EXPECT_EQ(vmcore.value().warnings()[0].substr(0, 20), "notes cannot be read");
  EXPECT_EQ(vmcore.value().notes().size(), 0U);
}

TEST(Vmcore, ReadPhysicalCrossesSegments) {
  VmcoreBuilder builder;
  builder.AddLoad({.physical = 0x2000, .data = {4, 5, 6}})
      .AddLoad({.physical = 0x1ffd, .data = {1, 2, 3}})
      .AddLoad({.physical = 0x2003, .data = {7}, .extra_memory = 10});
  const Vmcore vmcore = Open(builder);
  std::array<uint8_t, 7> out{};
  ASSERT_TRUE(vmcore.ReadPhysical(0x1ffd, out).ok());
  EXPECT_EQ(out, (std::array<uint8_t, 7>{1, 2, 3, 4, 5, 6, 7}));
  // What the file does not hold is unknown, not zero.
  const Result<> beyond = vmcore.ReadPhysical(0x1ffe, out);
  ASSERT_FALSE(beyond.ok());
  EXPECT_EQ(beyond.error().code(), ErrorCode::kNotFound);
  EXPECT_STREQ(beyond.error().text(), "physical address 0x2004 is not in this vmcore");
  EXPECT_TRUE(vmcore.ReadPhysical(0x9999, {}).ok());
}

class TemporaryFile {
 public:
  explicit TemporaryFile(Bytes bytes) {
    const UniqueFd fd(mkstemp(path_));
    EXPECT_TRUE(fd.valid() && WriteFull(fd.get(), bytes).ok());
  }
  ~TemporaryFile() { (void)unlink(path_); }
  const char* path() const { return path_; }

 private:
  char path_[32] = "/tmp/vmcore-test-XXXXXX";
};

TEST(Vmcore, OpensFiles) {
  const std::vector<uint8_t> bytes = VmcoreBuilder().AddLoad({.physical = 0, .data = {9, 8}}).Build();
  const TemporaryFile file(bytes);
  const Result<Vmcore> vmcore = Vmcore::Open(file.path());
  ASSERT_TRUE(vmcore.ok()) << vmcore.error().text();
  EXPECT_FALSE(vmcore.value().mappable_fd());
  std::array<uint8_t, 2> out{};
  ASSERT_TRUE(vmcore.value().ReadPhysical(0, out).ok());
  EXPECT_EQ(out[1], 8);
}

TEST(Vmcore, BadFilesGiveOneLine) {
  EXPECT_STREQ(Vmcore::Open("/tmp").error().text(), "open: Is a directory");
  EXPECT_STREQ(Vmcore::Open("/tmp/there is no such file").error().text(), "open: No such file or directory");
  const TemporaryFile empty({});
  EXPECT_STREQ(Vmcore::Open(empty.path()).error().text(),
               "not an ELF file: read of 16 bytes at 0: the file ends after 0");
}

}  // namespace
}  // namespace crashdump
