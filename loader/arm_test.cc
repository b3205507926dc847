// SPDX-License-Identifier: GPL-2.0-or-later
// Arming: what is loaded, what is stored before it, what is refused, and what a failure leaves behind.
#include "loader/arm.h"

#include <gtest/gtest.h>

#include "common/format/armed_record.h"
#include "common/format/key_store.h"
#include "common/storage/region_store.h"
#include "common/storage/target_description.h"
#include "common/storage/target_proof.h"
#include "common/testing/dump_builder.h"
#include "common/testing/fake_state_directory.h"
#include "common/testing/target_builder.h"
#include "common/testing/temp_directory.h"
#include "loader/busy.h"
#include "loader/cpio_writer.h"
#include "loader/fake_machine.h"
#include "loader/fake_region_sink.h"
#include "loader/load_refusal.h"
#include "loader/prepare_swap.h"
#include "loader/status.h"
#include "loader/unload.h"

namespace crashdump {
namespace {

constexpr const char* kBootId = "11111111-2222-3333-4444-555555555555";

class ArmTest : public testing::Test {
 protected:
  explicit ArmTest(uint32_t page_size = 4096) {
    InitializeCrypto().TakeValue();
    TargetBuilder builder;
    builder.swap.page_size = page_size;
    target_ = builder.Build();
    machine_.page_size = page_size;
    machine_.devices.push_back({target_.identity, target_.device.get()});
    RegionStore(regions_).Put({target_.stamp, target_.description.device().swap_uuid}).TakeValue();
    configuration_.target = target_.description.device().swap_uuid;
    configuration_.kernel = "/boot/vmlinuz-6.1.0-test";
    configuration_.initramfs = "/var/lib/crashdump/initramfs-6.1.0-test";
  }

  StateDirectories State() { return {keys_, regions_, run_, remembered_}; }
  Result<ArmReport> Load() { return Arm(machine_, State(), configuration_); }
  ArmReport MustLoad() {
    const Result<ArmReport> report = Load();
    EXPECT_TRUE(report.ok()) << report.error().text();
    return report.ok() ? report.value() : ArmReport();
  }
  // Refused before anything was stored or loaded.
  void ExpectRefused(const char* named) {
    const Result<ArmReport> report = Load();
    ASSERT_FALSE(report.ok());
    EXPECT_NE(std::string(report.error().text()).find(named), std::string::npos) << report.error().text();
    EXPECT_TRUE(machine_.calls.empty());
    EXPECT_TRUE(run_.files().empty());
  }
  std::vector<KeyRecord> Records() { return KeyStore(keys_).ReadAll().TakeValue().records; }
  std::string Overlay(const char* path) const { return FileInArchive(machine_.image->initramfs, path); }
  // A dump by the loaded image, as capture would write it.
  DumpId Crash(uint32_t data_pages) {
    const KeyArming arming = KeyArming::Parse(Overlay("overlay/arming")).TakeValue();
    DumpPlan plan = RegionPlan(data_pages, kMiB);
    plan.credentials = arming.credentials.Copy();
    plan.parameters.layout = arming.Layout(1);
    RandomBytes(plan.parameters.attempt_id).TakeValue();
    if (arming.extent.empty()) plan.pages.clear();
    FakeRegionSink sink(*target_.device, target_.stamp.region.begin);
    WriteDump(plan, sink).TakeValue();
    return plan.parameters.attempt_id;
  }

  TempDirectory root_;
  FakeMachine machine_{root_.path()};
  BuiltTarget target_;
  FakeStateDirectory keys_, regions_, run_, remembered_;
  Configuration configuration_;
};

TEST_F(ArmTest, LoadsKernelInitramfsAndOverlay) {
  const ArmReport report = MustLoad();
  ASSERT_TRUE(machine_.image.has_value());
  EXPECT_EQ(machine_.image->kernel, FakeBzImage());
  EXPECT_TRUE(machine_.image->initramfs.starts_with("\x28\xb5\x2f\xfd the initramfs"));
  EXPECT_TRUE(machine_.image->command_line.starts_with("nr_cpus=1 reset_devices"));
  EXPECT_TRUE(machine_.image->command_line.ends_with("console=tty0 console=ttyS0,115200"));
  EXPECT_EQ(Overlay("overlay/target-drivers"),
            "virtio_pci pci:v00001AF4d00001042\nvirtio_blk virtio:d00000002v00001AF4\n");
  EXPECT_EQ(Overlay("overlay/watchdog-drivers"), "i6300esb pci:v00008086d000025AB\n");
  const Result<TargetDescription> description = ParseTargetDescription(Overlay("overlay/target"));
  ASSERT_TRUE(description.ok()) << description.error().text();
  EXPECT_TRUE(Prove(description.value(), *target_.device, target_.identity, 1).ok());
  EXPECT_EQ(description.value().slot, report.slot);
  EXPECT_EQ(description.value().extent(), target_.region().data());
}

TEST_F(ArmTest, ADriverThatTheImageDoesNotHaveIsNamed) {
  const auto write_image = [&](std::string_view modules) {
    CpioWriter cpio(4 * kKiB);
    cpio.AddFile("lib/modules/6.1/modules.dep", BytesOf(modules));
    cpio.Finish();
    machine_.Write(configuration_.initramfs, std::string(TextOf(cpio.bytes())));
  };
  write_image("kernel/drivers/virtio/virtio_pci.ko:\n");
  EXPECT_EQ(MustLoad().notes,
            (std::vector<std::string>{
                "the capture initramfs has no driver virtio_blk, and without it the target is not found after a crash: "
                "make it again, with mkcrashinitramfs --module virtio_blk"}));
  write_image("kernel/drivers/virtio/virtio_pci.ko:\nkernel/drivers/block/virtio_blk.ko:\n");
  EXPECT_TRUE(MustLoad().notes.empty());
}

class ArmWith64KiBPagesTest : public ArmTest {
 protected:
  ArmWith64KiBPagesTest() : ArmTest(65536) {}
};

TEST_F(ArmWith64KiBPagesTest, TheCaptureProgramWillProveIt) {
  MustLoad();
  const TargetDescription description = ParseTargetDescription(Overlay("overlay/target")).TakeValue();
  const Result<> proof = Prove(description, *target_.device, target_.identity, 1);
  EXPECT_TRUE(proof.ok()) << proof.error().text();
  const Status status = CheckStatus(machine_, State());
  EXPECT_TRUE(status.armed()) << status.problems.front();
}

TEST_F(ArmWith64KiBPagesTest, AKernelOfOtherPagesRefuses) {
  machine_.page_size = 4096;
  ExpectRefused("the swap was made for pages of 64 KiB, this kernel has pages of 4 KiB");
}

TEST_F(ArmTest, TheOverlayHasTheKeysOfTheStoredRecord) {
  const ArmReport report = MustLoad();
  const KeyArming arming = KeyArming::Parse(Overlay("overlay/arming")).TakeValue();
  const std::vector<KeyRecord> records = Records();
  ASSERT_EQ(records.size(), 1u);
  const KeyRecord& record = records[0];
  EXPECT_EQ(record.credentials.key_id, report.key_id);
  EXPECT_EQ(arming.credentials.key_id, report.key_id);
  EXPECT_TRUE(Equal(arming.credentials.authentication_key.bytes(), record.credentials.authentication_key.bytes()));
  EXPECT_TRUE(Equal(arming.credentials.encryption_key.bytes(), record.credentials.encryption_key.bytes()));
  EXPECT_FALSE(Equal(record.credentials.authentication_key.bytes(), record.credentials.encryption_key.bytes()));
  EXPECT_FALSE(AllZero(arming.seed.bytes()));
  EXPECT_EQ(arming.slot_offset, record.slot_offset);
  EXPECT_EQ(arming.extent, record.extent);
  EXPECT_EQ(record.boot_id, kBootId);
  EXPECT_EQ(record.credentials.region_id, target_.stamp.region_id);
}

TEST_F(ArmTest, WrongOptionsOfTheCaptureAreNamedWithWhatIsAllowed) {
  machine_.Write("/proc/cmdline", "quiet crashdump.screen=blue crashdump.stall=7\n");
  const ArmReport report = MustLoad();
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_EQ(report.notes[0],
            "crashdump.screen=blue: ignored: none of brown, plain, off (on the kernel command line or in "
            "COMMAND_LINE_APPEND)");
}

TEST_F(ArmTest, KeysAndIntentAreStoredBeforeTheKernelIsCalled) {
  bool called = false;
  machine_.before_load = [&] {
    called = true;
    ASSERT_EQ(Records().size(), 1u);
    const auto armed = ReadArmedRecord(run_).TakeValue();
    ASSERT_TRUE(armed.has_value());
    EXPECT_EQ(armed->state, ArmedState::kLoading);
    EXPECT_EQ(armed->key_id, Records()[0].credentials.key_id);
  };
  MustLoad();
  EXPECT_TRUE(called);
  const auto armed = ReadArmedRecord(run_).TakeValue();
  ASSERT_TRUE(armed.has_value());
  EXPECT_EQ(armed->state, ArmedState::kArmed);
  EXPECT_EQ(armed->boot_id, kBootId);
  EXPECT_EQ(armed->region_id, target_.stamp.region_id);
}

TEST_F(ArmTest, WritesNothingToTheDevice) {
  MustLoad();
  EXPECT_EQ(target_.device->CountOf(FakeBlockDevice::Kind::kWrite), 0u);
}

TEST_F(ArmTest, EveryLoadHasNewKeysAndTheFormerRecordGoes) {
  const ArmReport first = MustLoad();
  const ArmReport second = MustLoad();
  EXPECT_NE(first.key_id, second.key_id);
  EXPECT_EQ(second.deleted_keys, 1u);
  ASSERT_EQ(Records().size(), 1u);
  EXPECT_EQ(Records()[0].credentials.key_id, second.key_id);
}

TEST_F(ArmTest, AFormerRecordStaysWhileItsDumpWaits) {
  const ArmReport first = MustLoad();
  Crash(300);
  machine_.Reboot();
  run_.files().clear();
  const ArmReport second = MustLoad();
  EXPECT_EQ(second.waiting_dumps, 1u);
  EXPECT_EQ(second.deleted_keys, 0u);
  EXPECT_EQ(second.slot, first.slot + 1);
  EXPECT_GT(second.extent.begin, first.extent.begin);
  EXPECT_EQ(second.extent.end, first.extent.end);
  EXPECT_EQ(Records().size(), 2u);
}

TEST_F(ArmTest, AFormerRecordGoesOnceItsDumpIsRecovered) {
  const ArmReport first = MustLoad();
  const DumpId attempt = Crash(300);
  machine_.Reboot();
  run_.files().clear();
  KeyStore(keys_).MarkRecovered(first.key_id, attempt).TakeValue();
  const ArmReport second = MustLoad();
  EXPECT_EQ(second.deleted_keys, 1u);
  EXPECT_EQ(second.slot, first.slot);
  EXPECT_EQ(second.extent, first.extent);
}

TEST_F(ArmTest, AFormerRecordStaysWhenTheDeviceIsAnother) {
  const ArmReport first = MustLoad();
  machine_.Reboot();
  run_.files().clear();
  // Another serial number than the record says: a copy perhaps, and the dump is on the original.
  machine_.devices[0].identity.serial = "ANOTHER";
  const ArmReport second = MustLoad();
  EXPECT_EQ(second.deleted_keys, 0u);
  EXPECT_EQ(Records().size(), 2u);
  EXPECT_NE(first.key_id, second.key_id);
}

TEST_F(ArmTest, AnUndoneRegionLeavesNoRecordBehind) {
  MustLoad();
  MustLoad();
  PrepareOptions options;
  options.action = PrepareAction::kUndo;
  const Result<std::string> report = PrepareSwap(machine_, State(), options);
  ASSERT_TRUE(report.ok()) << report.error().text();
  EXPECT_FALSE(machine_.image.has_value());
  EXPECT_TRUE(keys_.files().empty());
  EXPECT_TRUE(regions_.files().empty());
}

TEST_F(ArmTest, WithoutRoomForPagesItArmsForMessages) {
  MustLoad();
  Crash(300);
  // The dump's end cannot be told: all of its extent counts as occupied.
  const uint64_t begin = target_.stamp.region.begin;
  target_.device->Poke(begin + target_.region().Places(0, 1).trailer.begin, std::vector<uint8_t>(4096, 0));
  const uint64_t data = begin + target_.region().data().begin;
  target_.device->FailReadsIn({data + 64 * kKiB, data + 68 * kKiB});
  machine_.Reboot();
  run_.files().clear();
  const ArmReport report = MustLoad();
  EXPECT_TRUE(report.extent.empty());
  EXPECT_NE(Describe(report).find("messages only"), std::string::npos);
  EXPECT_NE(Describe(report).find("1 dump waits"), std::string::npos);
}

TEST_F(ArmTest, RefusesWhenEverySlotIsTaken) {
  for (unsigned i = 0; i < kSlotCount; ++i) {
    MustLoad();
    Crash(1);
    machine_.Reboot();
    run_.files().clear();
  }
  machine_.calls.clear();
  ExpectRefused("none is free");
}

TEST_F(ArmTest, RefusesWithoutReservedMemory) {
  machine_.Write(kCrashSizePath, "0\n");
  ExpectRefused("crashkernel=");
}

TEST_F(ArmTest, RefusesWhenLoadingIsSwitchedOff) {
  machine_.Write("/proc/sys/kernel/kexec_load_disabled", "1\n");
  ExpectRefused("kexec_load_disabled");
}

TEST_F(ArmTest, RefusesAnImageThatCannotFit) {
  machine_.Write(kCrashSizePath, "262144\n");
  ExpectRefused("raise crashkernel=");
}

TEST_F(ArmTest, RefusesAKernelThatUnpacksToMoreThanFits) {
  machine_.Write("/boot/vmlinuz-6.1.0-test", FakeBzImage(WordSize::k64, 128 * kMiB));
  ExpectRefused("raise crashkernel=");
}

TEST_F(ArmTest, RefusesAKernelOfAnotherArchitecture) {
  machine_.Write("/boot/vmlinuz-6.1.0-test", FakeBzImage(WordSize::k32));
  ExpectRefused("capture kernel: ");
  machine_.kernel_machine = "sparc64";
  ExpectRefused("sparc64 is not supported");
}

TEST_F(ArmTest, RefusesAMissingKernelOrInitramfs) {
  configuration_.kernel = "/boot/none";
  ExpectRefused("/boot/none");
  configuration_.kernel = "/boot/vmlinuz-6.1.0-test";
  configuration_.initramfs = "/boot/none.img";
  ExpectRefused("/boot/none.img");
}

TEST_F(ArmTest, RefusesASwapThatWasNotPrepared) {
  FakeBlockDevice plain(160 * kMiB);
  SwapBuilder().WriteTo(plain);
  machine_.devices[0].device = &plain;
  ExpectRefused("crashdump prepare");
}

TEST_F(ArmTest, RefusesTheRegionOfAnotherInstallation) {
  regions_.files().clear();
  ExpectRefused("another installation's");
}

TEST_F(ArmTest, RefusesStampsThatAreNotByteEqualToTheStoredOnes) {
  StoredRegion stored = RegionStore(regions_).ReadAll().value().at(0);
  stored.stamp.original_last_page -= 1;
  RegionStore(regions_).Put(stored).TakeValue();
  EXPECT_FALSE(Load().ok());
  EXPECT_TRUE(machine_.calls.empty());
}

TEST_F(ArmTest, RefusesADamagedStamp) {
  target_.device->Poke(target_.stamp.region.begin + 200, std::vector<uint8_t>{1});
  ExpectRefused("start stamp");
}

TEST_F(ArmTest, RefusesARaisedHeader) {
  SwapBuilder().WriteTo(*target_.device);
  EXPECT_FALSE(Load().ok());
  EXPECT_TRUE(machine_.calls.empty());
}

TEST_F(ArmTest, RefusesAUuidFoundTwice) {
  FakeBlockDevice copy(*target_.device);
  machine_.devices.push_back({FakeMachine::Identity(copy, 1), &copy});
  ExpectRefused("found twice");
}

TEST_F(ArmTest, RefusesADeviceThatMayNotHoldARegion) {
  machine_.devices[0].identity.unacceptable = "in use by dm-0";
  ExpectRefused("in use by dm-0");
}

TEST_F(ArmTest, RefusesWhileAKeyRecordIsDamaged) {
  keys_.files()["0123456789abcdef0123456789abcdef.key"] = "nonsense";
  ExpectRefused("0123456789abcdef0123456789abcdef.key");
}

TEST_F(ArmTest, AFailedStoreOfTheKeyLoadsNothing) {
  keys_.FailAt(FakeStateDirectory::Kind::kReplace, 0);
  EXPECT_FALSE(Load().ok());
  EXPECT_TRUE(machine_.calls.empty());
}

TEST_F(ArmTest, TheKernelIsAskedTwice) {
  machine_.load_failures = {FakeMachine::LoadFailure::kLate};
  MustLoad();
  EXPECT_EQ(machine_.calls, (std::vector<std::string>{"load", "load"}));
  EXPECT_TRUE(machine_.image.has_value());
}

TEST_F(ArmTest, WaitsForWhoOnlyAsksTheKernel) {
  machine_.load_failures = {FakeMachine::LoadFailure::kBusy, FakeMachine::LoadFailure::kBusy};
  MustLoad();
  EXPECT_EQ(machine_.calls, (std::vector<std::string>{"load", "load", "load"}));
  EXPECT_TRUE(machine_.image.has_value());
}

TEST_F(ArmTest, WhatAnotherProgramLoadsJustNowStays) {
  machine_.load_failures = {FakeMachine::LoadFailure::kBusy};
  machine_.before_load = [this] { machine_.SetImage(FakeMachine::Image{.kernel = "another's"}); };
  const auto report = Load();
  ASSERT_FALSE(report.ok());
  EXPECT_STREQ(report.error().text(), "another program has just loaded a capture kernel");
  EXPECT_EQ(machine_.calls, (std::vector<std::string>{"load"}));
  EXPECT_EQ(machine_.image->kernel, "another's");
  EXPECT_TRUE(run_.files().empty());
}

TEST_F(ArmTest, WhoIsBusyForLongIsLeftAlone) {
  machine_.load_failures.assign(1000, FakeMachine::LoadFailure::kBusy);
  const auto report = Load();
  ASSERT_FALSE(report.ok());
  EXPECT_TRUE(IsBusy(report.error())) << report.error().text();
  EXPECT_GT(machine_.load_failures.size(), 900U);
}

TEST_F(ArmTest, AfterALateFailureNothingIsLoadedAndTheRecordSaysSo) {
  MustLoad();
  machine_.load_failures = {FakeMachine::LoadFailure::kLate, FakeMachine::LoadFailure::kLate};
  EXPECT_FALSE(Load().ok());
  EXPECT_TRUE(run_.files().empty());
  EXPECT_FALSE(CheckStatus(machine_, State()).armed());
  EXPECT_EQ(Records().size(), 2u) << "no record of this boot goes without a later load";
}

TEST_F(ArmTest, AfterAnEarlyFailureTheFormerImageIsArmedStill) {
  const ArmReport first = MustLoad();
  machine_.load_failures = {FakeMachine::LoadFailure::kEarly, FakeMachine::LoadFailure::kEarly};
  EXPECT_FALSE(Load().ok());
  EXPECT_EQ(ReadArmedRecord(run_).value()->key_id, first.key_id);
  EXPECT_TRUE(CheckStatus(machine_, State()).armed());
}

// Where the kernel has no kexec_file_load.
class ArmWithKexecToolsTest : public ArmTest {
 protected:
  ArmWithKexecToolsTest() {
    machine_.has_kexec_file_load = false;
    machine_.kernel_machine = sizeof(void*) == 8 ? "ppc64le" : "i686";
    if (sizeof(void*) == 8) {
      machine_.Write("/boot/vmlinuz-6.1.0-test", FakeVmlinux(kElfMachinePpc64, {ByteOrder::kLittle, WordSize::k64}));
    }
  }
  void Install(const std::string& script) const {
    machine_.Write("/usr/sbin/kexec", "#!/bin/sh\ncd '" + root_.path() + "' || exit 99\n" + script + "\n");
    ASSERT_EQ(chmod(machine_.Path("/usr/sbin/kexec").c_str(), 0700), 0);
  }
  static constexpr const char* kLoads =
      "cat \"${2#--initrd=}\" >image; echo \"$3\" >line; echo 1 >sys/kernel/kexec_crash_loaded";
};

TEST_F(ArmWithKexecToolsTest, TheSameIsLoadedAndEverybodySaysByWhom) {
  Install(kLoads);
  const ArmReport report = MustLoad();
  const std::string image = machine_.ReadText("/image").value();
  EXPECT_TRUE(image.starts_with("\x28\xb5\x2f\xfd the initramfs"));
  const KeyArming arming = KeyArming::Parse(FileInArchive(image, "overlay/arming")).TakeValue();
  EXPECT_EQ(arming.credentials.key_id, report.key_id);
  EXPECT_NE(machine_.ReadText("/line").value().find(" console=tty0 console=ttyS0,115200\n"), std::string::npos);
  EXPECT_NE(Describe(report).find("; loaded by kexec-tools (kexec_load)\n"), std::string::npos) << Describe(report);
  const Status status = CheckStatus(machine_, State());
  EXPECT_TRUE(status.armed()) << status.problems.front();
  ASSERT_TRUE(status.target);
  EXPECT_TRUE(Describe(*status.target).ends_with(", loaded by kexec-tools (kexec_load)"));
  EXPECT_EQ(UnloadOwnImage(machine_, run_).value(), UnloadOutcome::kUnloaded);
}

TEST_F(ArmWithKexecToolsTest, WithoutKexecToolsNothingIsTouched) { ExpectRefused("install the package kexec-tools"); }

TEST_F(ArmWithKexecToolsTest, AfterAFailureNothingIsLoadedAndNoKeyIsGone) {
  Install(kLoads);
  const ArmReport first = MustLoad();
  Install("echo 'kexec_load failed: Cannot allocate memory' >&2; exit 1");
  machine_.calls.clear();
  const Result<ArmReport> second = Load();
  ASSERT_FALSE(second.ok());
  EXPECT_NE(std::string(second.error().text()).find("kexec_load failed: Cannot allocate memory"), std::string::npos);
  EXPECT_EQ(machine_.calls, (std::vector<std::string>{"load", "unload", "load"}));
  EXPECT_TRUE(run_.files().empty());
  EXPECT_FALSE(CheckStatus(machine_, State()).armed());
  EXPECT_EQ(Records().size(), 2u);
  EXPECT_TRUE(KeyStore(keys_).Find(first.key_id).value().has_value());
}

TEST_F(ArmWithKexecToolsTest, OneThatCrashesAfterItHasLoadedHasLoadedTheNewImage) {
  Install(kLoads);
  MustLoad();
  Install(std::string(kLoads) + "; kill -SEGV $$");
  const ArmReport second = MustLoad();
  EXPECT_EQ(ReadArmedRecord(run_).value()->key_id, second.key_id);
  EXPECT_TRUE(CheckStatus(machine_, State()).armed());
}

TEST_F(ArmWithKexecToolsTest, WhatCannotBeUnloadedIsArmedStill) {
  Install(kLoads);
  const ArmReport first = MustLoad();
  machine_.unload_fails = true;
  EXPECT_FALSE(Load().ok());
  EXPECT_EQ(ReadArmedRecord(run_).value()->key_id, first.key_id);
  EXPECT_TRUE(CheckStatus(machine_, State()).armed());
}

// `status` and `unload` on what was loaded.

TEST_F(ArmTest, StatusIsGoodAfterALoad) {
  MustLoad();
  const Status status = CheckStatus(machine_, State());
  EXPECT_TRUE(status.armed()) << status.problems.front();
  ASSERT_TRUE(status.target);
  EXPECT_EQ(Describe(*status.target).substr(0, 11), "armed: swap");
  EXPECT_TRUE(Describe(*status.target).ends_with(", loaded by kexec_file_load"));
}

class StatusTest : public ArmTest {
 protected:
  // Exactly one problem, with this text in it.
  void ExpectProblem(const char* text) {
    const Status status = CheckStatus(machine_, State());
    ASSERT_EQ(status.problems.size(), 1u);
    EXPECT_NE(status.problems[0].find(text), std::string::npos) << status.problems[0];
  }
};

TEST_F(StatusTest, WithoutReservedMemory) {
  machine_.Write(kCrashSizePath, "0\n");
  ExpectProblem("no memory reserved: add crashkernel=");
}

TEST_F(StatusTest, WithoutAnImage) { ExpectProblem("no capture kernel is loaded: run `crashdump load`"); }

TEST_F(StatusTest, WithAnImageOfAnotherProgram) {
  machine_.SetImage(FakeMachine::Image{});
  ExpectProblem("loaded by another program");
}

TEST_F(StatusTest, WithTheRecordOfAnotherBoot) {
  MustLoad();
  machine_.Write("/proc/sys/kernel/random/boot_id", "other\n");
  ExpectProblem("another boot");
}

TEST_F(StatusTest, AfterAnInterruptedLoad) {
  MustLoad();
  std::string& text = run_.files()[kArmedRecordName];
  text.replace(text.find("state=armed"), 11, "state=loading");
  ExpectProblem("interrupted");
}

TEST_F(StatusTest, WithADamagedRecord) {
  MustLoad();
  run_.files()[kArmedRecordName] = "nonsense";
  ExpectProblem("record of the loaded image");
}

TEST_F(StatusTest, WithoutTheKeyRecord) {
  MustLoad();
  keys_.files().clear();
  ExpectProblem("is gone");
}

TEST_F(StatusTest, WithADamagedKeyRecord) {
  MustLoad();
  keys_.files().begin()->second = "nonsense";
  ExpectProblem("key record of the loaded image");
}

TEST_F(StatusTest, WhenTheProofFails) {
  MustLoad();
  SwapBuilder().WriteTo(*target_.device);
  ExpectProblem("would write nothing");
}

TEST_F(StatusTest, WhenTheRegionWasUsedSince) {
  MustLoad();
  Crash(1);
  ExpectProblem("would write nothing");
}

TEST_F(StatusTest, WhenTheDeviceIsGone) {
  MustLoad();
  machine_.devices.clear();
  ExpectProblem("would write nothing");
}

TEST_F(StatusTest, BesideAnotherDumper) {
  MustLoad();
  machine_.Write("/usr/sbin/kdump-config", "#!/bin/sh\n");
  EXPECT_TRUE(CheckStatus(machine_, State()).armed()) << "installed, not enabled";
  machine_.Write("/etc/systemd/system/basic.target.wants/kdump-tools.service", "");
  const Status status = CheckStatus(machine_, State());
  EXPECT_TRUE(status.armed()) << "still";
  ASSERT_EQ(status.warnings.size(), 1u);
  EXPECT_NE(status.warnings[0].find("kdump-tools is enabled too"), std::string::npos);
  EXPECT_NE(std::string(Load().error().text()).find("systemctl disable --now kdump-tools"), std::string::npos);
  // Two ways to switch it off.
  machine_.Write("/etc/default/kdump-tools", "# comment\nUSE_KDUMP=0\n");
  EXPECT_TRUE(Load().ok());
  machine_.Write("/etc/default/kdump-tools", "USE_KDUMP=1\n");
  EXPECT_FALSE(Load().ok());
  ASSERT_EQ(symlink("/dev/null", machine_.Path("/etc/systemd/system/kdump-tools.service").c_str()), 0);
  EXPECT_TRUE(Load().ok());
}

TEST_F(StatusTest, SaysWhatComesBeforeLoading) {
  EXPECT_FALSE(ReasonNotToLoad(machine_, State(), configuration_));
  configuration_.target.reset();
  EXPECT_FALSE(ReasonNotToLoad(machine_, State(), configuration_)) << "the prepared one is found";
  machine_.devices.clear();
  EXPECT_NE(ReasonNotToLoad(machine_, State(), configuration_)->find("is not there"), std::string::npos);
  regions_.files().clear();
  EXPECT_EQ(ReasonNotToLoad(machine_, State(), configuration_), "no swap is prepared: run `crashdump prepare`");
  configuration_.prepares_at_boot = true;
  EXPECT_NE(
      ReasonNotToLoad(machine_, State(), configuration_)->find("no swap can be prepared: no swap partition is in use"),
      std::string::npos);
}

TEST_F(ArmTest, TakesNothingFromAnotherProgram) {
  machine_.SetImage(FakeMachine::Image{});
  ExpectRefused("unload --any");
}

TEST_F(ArmTest, SaysWhatASignatureIsAbout) {
  const Error refused = Error::Os(EPERM, "kexec_file_load");
  EXPECT_STREQ(ExplainLoadError(machine_, refused).text(), refused.text());
  machine_.Write("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
  EXPECT_NE(std::string(ExplainLoadError(machine_, refused).text()).find("Secure Boot"), std::string::npos);
  machine_.Write("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
  EXPECT_STREQ(ExplainLoadError(machine_, refused).text(), refused.text());
  EXPECT_NE(std::string(ExplainLoadError(machine_, Error::Os(EKEYREJECTED, "x")).text()).find("signature"),
            std::string::npos);
}

TEST_F(ArmTest, SaysWhereTheKernelSaysWhy) {
  EXPECT_NE(std::string(ExplainLoadError(machine_, Error::Os(EINVAL, "x")).text()).find("dmesg"), std::string::npos);
  const Error other = Error::Os(ENOMEM, "kexec_file_load");
  EXPECT_STREQ(ExplainLoadError(machine_, other).text(), other.text());
}

TEST_F(ArmTest, PanicsForMoreAsLongAsItIsArmed) {
  constexpr const char* kPath = "/proc/sys/kernel/hardlockup_panic";
  MustLoad();
  EXPECT_EQ(machine_.ReadText(kPath).value().substr(0, 1), "1");
  UnloadOwnImage(machine_, run_).TakeValue();
  EXPECT_EQ(machine_.ReadText(kPath).value().substr(0, 1), "0");
}

TEST_F(ArmTest, TheReservationIsGivenBackOnlyWithoutAnImage) {
  MustLoad();
  EXPECT_FALSE(ReleaseReservation(machine_).ok());
  UnloadOwnImage(machine_, run_).TakeValue();
  EXPECT_EQ(ReleaseReservation(machine_).value(), 128 * kMiB);
  EXPECT_EQ(machine_.ReadText(kCrashSizePath).value().front(), '0');
}

TEST_F(ArmTest, UnloadTakesOurImageAwayAndKeepsTheKey) {
  MustLoad();
  EXPECT_EQ(UnloadOwnImage(machine_, run_).value(), UnloadOutcome::kUnloaded);
  EXPECT_FALSE(machine_.image.has_value());
  EXPECT_TRUE(run_.files().empty());
  EXPECT_EQ(Records().size(), 1u);
  EXPECT_EQ(UnloadOwnImage(machine_, run_).value(), UnloadOutcome::kNothingLoaded);
}

TEST_F(ArmTest, UnloadLeavesTheImageOfAnotherProgram) {
  machine_.SetImage(FakeMachine::Image{});
  EXPECT_EQ(UnloadOwnImage(machine_, run_).value(), UnloadOutcome::kForeign);
  EXPECT_TRUE(machine_.image.has_value());
}

}  // namespace
}  // namespace crashdump
