// SPDX-License-Identifier: GPL-2.0-or-later
// Which kernels each architecture takes.
#include "loader/kernel_image.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "common/base/io.h"
#include "common/testing/temp_directory.h"
#include "loader/fake_kernel.h"

namespace crashdump {
namespace {

constexpr TargetFormat kLittle64 = {ByteOrder::kLittle, WordSize::k64};
constexpr TargetFormat kBig64 = {ByteOrder::kBig, WordSize::k64};
constexpr TargetFormat kLittle32 = {ByteOrder::kLittle, WordSize::k32};

class KernelImageTest : public testing::Test {
 protected:
  Result<uint64_t> Check(const char* machine, const std::string& file) const {
    const UniqueFd fd = OpenFile(directory_.WriteFile("kernel", file).c_str(), O_RDONLY).TakeValue();
    return CheckKernelImage(fd.get(), file.size(), FindArchitecture(machine).TakeValue());
  }
  void ExpectTaken(const char* machine, const std::string& file, uint64_t memory) const {
    const Result<uint64_t> checked = Check(machine, file);
    ASSERT_TRUE(checked.ok()) << machine << ": " << checked.error().text();
    EXPECT_EQ(checked.value(), memory);
  }
  void ExpectRefused(const char* machine, const std::string& file, ErrorCode code, const char* named) const {
    const Result<uint64_t> checked = Check(machine, file);
    ASSERT_FALSE(checked.ok()) << machine;
    EXPECT_EQ(checked.error().code(), code);
    EXPECT_NE(std::string(checked.error().text()).find(named), std::string::npos) << checked.error().text();
  }

  TempDirectory directory_;
};

TEST_F(KernelImageTest, EachArchitectureTakesItsOwn) {
  ExpectTaken("x86_64", FakeBzImage(WordSize::k64, 50'000'000), 50'000'000);
  ExpectTaken("i686", FakeBzImage(WordSize::k32, 20'000'000), 20'000'000);
  ExpectTaken("i686", FakeVmlinux(kElfMachine386, kLittle32, 30'000'000), 30'000'000);
  ExpectTaken("ppc64le", FakeVmlinux(kElfMachinePpc64, kLittle64, 40'000'000), 40'000'000);
  ExpectTaken("ppc64", FakeVmlinux(kElfMachinePpc64, kBig64, 40'000'000), 40'000'000);
}

TEST_F(KernelImageTest, A32BitMachineTakesThe64BitKernelToo) {
  ExpectTaken("i586", FakeBzImage(WordSize::k64, 50'000'000), 50'000'000);
}

TEST_F(KernelImageTest, RefusesThoseOfOtherMachinesByName) {
  ExpectRefused("x86_64", FakeBzImage(WordSize::k32), ErrorCode::kUnsupported, "a 32-bit kernel");
  ExpectRefused("ppc64le", FakeBzImage(), ErrorCode::kUnsupported, "an x86 machine, and this one is ppc64le");
  ExpectRefused("ppc64le", FakeVmlinux(kElfMachinePpc64, kBig64), ErrorCode::kUnsupported,
                "a 64-bit kernel for ppc64, and this machine is ppc64le");
  ExpectRefused("ppc64", FakeVmlinux(kElfMachinePpc64, kLittle64), ErrorCode::kUnsupported, "for ppc64le");
  ExpectRefused("ppc64le", FakeVmlinux(kElfMachinePpc, {ByteOrder::kBig, WordSize::k32}), ErrorCode::kUnsupported,
                "a 32-bit kernel for ppc, ");
  ExpectRefused("ppc64le", FakeVmlinux(183, kLittle64), ErrorCode::kUnsupported, "ELF machine 183");
  ExpectRefused("i686", FakeVmlinux(kElfMachineX86_64, kLittle64), ErrorCode::kUnsupported, "for x86_64");
}

TEST_F(KernelImageTest, RefusesAVmlinuxWhereOnlyABzImageIsTaken) {
  ExpectRefused("x86_64", FakeVmlinux(kElfMachineX86_64, kLittle64), ErrorCode::kUnsupported, "a bzImage only");
}

TEST_F(KernelImageTest, RefusesWhatIsNoKernel) {
  for (const char* machine : {"x86_64", "i686", "ppc64le", "ppc64"}) {
    ExpectRefused(machine, "", ErrorCode::kCorrupt, "no kernel image");
    ExpectRefused(machine, "HdrS", ErrorCode::kCorrupt, "no kernel image");
    ExpectRefused(machine, std::string(4096, 'x'), ErrorCode::kCorrupt, "no kernel image");
  }
  std::string file = FakeBzImage();
  file[0x1fe] = 0;
  ExpectRefused("x86_64", file, ErrorCode::kCorrupt, "no kernel image");
  file = FakeBzImage();
  file[0x211] = 0;
  ExpectRefused("i686", file, ErrorCode::kCorrupt, "no kernel image");
  ExpectRefused("ppc64", FakeVmlinux(kElfMachinePpc64, kBig64, 0), ErrorCode::kCorrupt, "no kernel image");
}

TEST_F(KernelImageTest, RefusesWhatIsCutOff) {
  for (std::string file : {FakeBzImage(), FakeVmlinux(kElfMachinePpc64, kBig64)}) {
    const char* const machine = file.front() == 'k' ? "x86_64" : "ppc64";
    ASSERT_TRUE(Check(machine, file).ok());
    file.push_back('s');  // a signature
    ASSERT_TRUE(Check(machine, file).ok());
    file.resize(file.size() - 2);
    ExpectRefused(machine, file, ErrorCode::kTruncated, "cut off: the kernel has 2048 bytes, and there are 2047");
  }
  std::string file = FakeVmlinux(kElfMachinePpc64, kBig64);
  const MutableBytes segment = MutableBytesOf(file).subspan(64 + 56, 56);
  kElf64Layout.file_offset.Store(segment, UINT64_MAX - 1, ByteOrder::kBig);
  ExpectRefused("ppc64", file, ErrorCode::kCorrupt, "no kernel image");
}

TEST_F(KernelImageTest, ProgramHeadersBehindTheEndAreAnError) {
  std::string file = FakeVmlinux(kElfMachinePpc64, kLittle64);
  kElf64Layout.program_offset.Store(MutableBytesOf(file), uint64_t{1} << 40, ByteOrder::kLittle);
  ExpectRefused("ppc64le", file, ErrorCode::kTruncated, "program headers");
  kElf64Layout.program_offset.Store(MutableBytesOf(file), UINT64_MAX - 8, ByteOrder::kLittle);
  EXPECT_FALSE(Check("ppc64le", file).ok());
}

TEST_F(KernelImageTest, TheRoomToUnpackIsCountedFromBehindTheSetupSectors) {
  std::string file = FakeBzImage(WordSize::k32, 10'000);
  file[0x1f1] = 3;
  const auto size_of = [this](const std::string& text) {
    const UniqueFd fd = OpenFile(directory_.WriteFile("kernel", text).c_str(), O_RDONLY).TakeValue();
    return SizeWithRoomToUnpack(fd.get(), text.size()).TakeValue();
  };
  EXPECT_EQ(size_of(file), 4U * 512 + 10'000);
  file.resize(20'000);
  EXPECT_EQ(size_of(file), 20'000U);
  EXPECT_EQ(size_of(FakeVmlinux(kElfMachine386, kLittle32)), 0U);
  EXPECT_EQ(size_of("short"), 0U);
}

TEST(FindArchitecture, KnowsTheNamesOfUname) {
  EXPECT_EQ(FindArchitecture("i686").value().name, "i386");
  EXPECT_EQ(FindArchitecture("ppc64").value().format.order, ByteOrder::kBig);
  const Result<Architecture> unknown = FindArchitecture("riscv64");
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(std::string(unknown.error().text()).find("riscv64"), std::string::npos);
}

}  // namespace
}  // namespace crashdump
