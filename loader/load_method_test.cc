// SPDX-License-Identifier: GPL-2.0-or-later
// Loading with kexec-tools: what its program is given, and what is known after each way in which it can end.
#include "loader/load_method.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>

#include "common/testing/temp_directory.h"
#include "loader/fake_machine.h"
#include "loader/system_facts.h"

namespace crashdump {
namespace {

class LoadMethodTest : public testing::Test {
 protected:
  LoadMethodTest() {
    machine_.has_kexec_file_load = false;
    image_.method = LoadMethod::kKexecTools;
    image_.kernel = kernel_.get();
    image_.initramfs = initramfs_.get();
    image_.command_line = "maxcpus=1 crashdump.hold=\"a b\" $HOME";
    PwriteFull(kernel_.get(), 0, BytesOf("the kernel")).TakeValue();
    PwriteFull(initramfs_.get(), 0, BytesOf("the initramfs with keys")).TakeValue();
  }

  // A kexec program for the machine, run as a script in its root, with the files of the kernel below it.
  void Install(const std::string& script, const char* path = "/usr/sbin/kexec") const {
    machine_.Write(path, "#!/bin/sh\ncd '" + root_.path() + "' || exit 99\n" + script + "\n");
    EXPECT_EQ(chmod(machine_.Path(path).c_str(), 0700), 0);
  }
  Result<> Load() { return LoadWithKexecTools(machine_, image_); }
  void ExpectFailure(const std::string& text) {
    const Result<> loaded = Load();
    ASSERT_FALSE(loaded.ok());
    EXPECT_NE(std::string(loaded.error().text()).find(text), std::string::npos) << loaded.error().text();
    EXPECT_EQ(std::string(loaded.error().text()).find('\n'), std::string::npos) << loaded.error().text();
  }
  bool IsLoaded() const { return IsCrashKernelLoaded(machine_).TakeValue(); }
  Architecture Is(const char* machine) const { return FindArchitecture(machine).TakeValue(); }

  static constexpr const char* kLoaded = "echo 1 >sys/kernel/kexec_crash_loaded";

  TempDirectory root_;
  FakeMachine machine_{root_.path()};
  UniqueFd kernel_{memfd_create("kernel", MFD_CLOEXEC)};
  UniqueFd initramfs_{memfd_create("initramfs", MFD_CLOEXEC)};
  CrashImage image_;
};

TEST_F(LoadMethodTest, TheKernelsOwnCallIsUsedWhereThereIsOne) {
  machine_.has_kexec_file_load = true;
  EXPECT_EQ(ChooseLoadMethod(machine_, Is("x86_64")).value(), LoadMethod::kFileLoad);
}

TEST_F(LoadMethodTest, WithoutItKexecToolsIsWanted) {
  const Result<LoadMethod> absent = ChooseLoadMethod(machine_, Is("ppc64le"), WordSize::k64);
  ASSERT_FALSE(absent.ok());
  EXPECT_NE(std::string(absent.error().text()).find("install the package kexec-tools"), std::string::npos);
  Install("exit 0", "/sbin/kexec");
  EXPECT_EQ(ChooseLoadMethod(machine_, Is("ppc64le"), WordSize::k64).value(), LoadMethod::kKexecTools);
  EXPECT_EQ(ChooseLoadMethod(machine_, Is("i686"), WordSize::k32).value(), LoadMethod::kKexecTools);
}

TEST_F(LoadMethodTest, OnBigEndianTheKernelsOwnCallWouldLoseTheMemory) {
  machine_.has_kexec_file_load = true;
  const Result<LoadMethod> absent = ChooseLoadMethod(machine_, Is("ppc64"), WordSize::k64);
  ASSERT_FALSE(absent.ok());
  EXPECT_NE(std::string(absent.error().text()).find("no kexec_file_load that works"), std::string::npos);
  Install("exit 0");
  EXPECT_EQ(ChooseLoadMethod(machine_, Is("ppc64"), WordSize::k64).value(), LoadMethod::kKexecTools);
  EXPECT_EQ(ChooseLoadMethod(machine_, Is("ppc64le"), WordSize::k64).value(), LoadMethod::kFileLoad);
}

TEST_F(LoadMethodTest, A32BitProgramOnA64BitKernelIsRefused) {
  Install("exit 0");
  const Result<LoadMethod> refused = ChooseLoadMethod(machine_, Is("x86_64"), WordSize::k32);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(std::string(refused.error().text()).find("a 32-bit crashdump, and the kernel is x86_64"), std::string::npos)
      << refused.error().text();
}

TEST_F(LoadMethodTest, TheProgramReadsBothFilesByTheirDescriptors) {
  Install(std::string("for argument; do echo \"$argument\"; done >arguments\n"
                      "cat \"${2#--initrd=}\" >initramfs; eval kernel=\\${$#}; cat \"$kernel\" >kernel\n") +
          kLoaded);
  const Result<> loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.error().text();
  EXPECT_EQ(machine_.ReadText("/kernel").value(), "the kernel");
  EXPECT_EQ(machine_.ReadText("/initramfs").value(), "the initramfs with keys");
  const std::string arguments = machine_.ReadText("/arguments").value();
  EXPECT_TRUE(arguments.starts_with("-p\n--initrd=/proc/self/fd/")) << arguments;
  EXPECT_NE(arguments.find("\n--command-line=maxcpus=1 crashdump.hold=\"a b\" $HOME\n/proc/self/fd/"),
            std::string::npos)
      << arguments;
  EXPECT_EQ(std::count(arguments.begin(), arguments.end(), '\n'), 4) << arguments;
}

TEST_F(LoadMethodTest, ABzImageHasRoomToUnpack) {
  std::string kernel = FakeBzImage(WordSize::k32, 1'000'000);
  kernel[0x1f1] = 2;
  PwriteFull(kernel_.get(), 0, BytesOf(kernel)).TakeValue();
  Install(std::string("eval kernel=\\${$#}; cat \"$kernel\" >kernel\n") + kLoaded);
  const Result<> loaded = Load();
  ASSERT_TRUE(loaded.ok()) << loaded.error().text();
  EXPECT_EQ(machine_.ReadText("/kernel").value(), kernel + std::string(3 * 512 + 1'000'000 - kernel.size(), '\0'));
}

TEST_F(LoadMethodTest, OnPowerpcTheOldRootIsNotPutBehindTheCommandLine) {
  Install(std::string("[ \"$4\" = --dt-no-old-root ] || exit 1\n") + kLoaded);
  ExpectFailure("ended with status 1");
  image_.architecture = Is("ppc64le");
  EXPECT_TRUE(Load().ok());
}

TEST_F(LoadMethodTest, WhatWasLoadedBeforeIsUnloadedFirst) {
  machine_.SetImage(FakeMachine::Image{});
  Install("read loaded <sys/kernel/kexec_crash_loaded; [ \"$loaded\" = 0 ] || exit 7\n" + std::string(kLoaded));
  EXPECT_TRUE(Load().ok());
  EXPECT_EQ(machine_.calls, std::vector<std::string>{"unload"});
}

TEST_F(LoadMethodTest, AfterAFailureNothingIsLoadedAndItsReasonIsOneLine) {
  machine_.SetImage(FakeMachine::Image{});
  Install(
      "echo 'Modified cmdline: maxcpus=1 elfcorehdr=1K' >&2; echo >&2; echo '  Could not find a free area' >&2\n"
      "printf 'locate_hole \\033[31mfailed\\n' >&2; exit 255");
  ExpectFailure("/usr/sbin/kexec ended with status 255: Could not find a free area; locate_hole \\x1b[31mfailed");
  EXPECT_FALSE(IsLoaded());
}

TEST_F(LoadMethodTest, OfALongReasonTheBeginningIsSaid) {
  Install(
      "echo first; i=0; while [ $i -lt 2000 ]; do echo \"segment[$i].buf = 0x0123456789abcdef\"; i=$((i+1)); done; "
      "exit 1");
  ExpectFailure(": first; segment[0].buf");
}

TEST_F(LoadMethodTest, OneThatCrashesHasNotLoaded) {
  Install("kill -SEGV $$");
  ExpectFailure("was ended by signal 11 (Segmentation fault): it says nothing");
}

TEST_F(LoadMethodTest, OneThatClaimsToHaveLoadedIsNotBelieved) {
  Install("exit 0");
  ExpectFailure("has loaded nothing");
}

TEST_F(LoadMethodTest, OneThatFailsAfterItHasLoadedHasLoaded) {
  Install(std::string(kLoaded) + "; exit 1");
  EXPECT_TRUE(Load().ok());
  EXPECT_TRUE(IsLoaded());
}

TEST_F(LoadMethodTest, WhatCannotBeUnloadedStaysAndTheProgramIsNotRun) {
  machine_.SetImage(FakeMachine::Image{});
  machine_.unload_fails = true;
  Install(std::string("touch ran\n") + kLoaded);
  ExpectFailure("unloading the former image");
  EXPECT_TRUE(IsLoaded());
  EXPECT_FALSE(machine_.Exists("/ran"));
}

TEST_F(LoadMethodTest, OneThatIsGoneSinceSaysSo) { ExpectFailure("install the package kexec-tools"); }

}  // namespace
}  // namespace crashdump
