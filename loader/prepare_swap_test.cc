// SPDX-License-Identifier: GPL-2.0-or-later
// `crashdump prepare` on a machine: devices, active swaps, hibernation, the loaded image.
#include "loader/prepare_swap.h"

#include <gtest/gtest.h>

#include <csignal>

#include "common/format/armed_record.h"
#include "common/storage/region.h"
#include "common/testing/fake_block_device.h"
#include "common/testing/fake_state_directory.h"
#include "common/testing/swap_builder.h"
#include "common/testing/temp_directory.h"
#include "loader/fake_machine.h"
#include "loader/swap_pause.h"

namespace crashdump {
namespace {

constexpr uint64_t kDeviceBytes = 200 * kMiB;

class PrepareSwapTest : public testing::Test {
 protected:
  PrepareSwapTest() {
    InitializeCrypto().TakeValue();
    swap_.WriteTo(device_);
    machine_.devices.push_back({FakeMachine::Identity(device_), &device_});
    options_.swap_uuid = swap_.uuid;
    options_.reserve = 64 * kMiB;
  }

  Result<std::string> Prepare() { return PrepareSwap(machine_, {keys_, regions_, run_, remembered_}, options_); }
  void ExpectRefused(const char* named) {
    const Result<std::string> report = Prepare();
    ASSERT_FALSE(report.ok());
    EXPECT_NE(std::string(report.error().text()).find(named), std::string::npos) << report.error().text();
    EXPECT_EQ(device_.CountOf(FakeBlockDevice::Kind::kWrite), 0u);
  }
  void Activate(uint64_t used_kib, int priority) {
    machine_.SetSwaps({{"/dev/vda2", machine_.devices[0].identity.device_number, used_kib, priority}});
  }
  SwapHeader Header() const { return ReadSwapHeader(device_, 4096).TakeValue(); }

  TempDirectory root_;
  FakeMachine machine_{root_.path()};
  SwapBuilder swap_;
  FakeBlockDevice device_{kDeviceBytes};
  FakeStateDirectory keys_, regions_, run_, remembered_;
  PrepareOptions options_;
};

TEST_F(PrepareSwapTest, SaysWhatItDid) {
  const Result<std::string> report = Prepare();
  ASSERT_TRUE(report.ok()) << report.error().text();
  EXPECT_EQ(report.value(),
            "vda2: the upper 64.0 MiB are set aside for dumps; the swap keeps 136 MiB\n"
            "Run `crashdump load` now, and at every boot.\n");
  EXPECT_EQ(Prepare().value(), "vda2: the region of 64.0 MiB is in order; nothing was changed\n");
  EXPECT_EQ(machine_.calls, (std::vector<std::string>{"lock vda"})) << "the second run needs no lock";
}

TEST_F(PrepareSwapTest, UndoSaysWhatItDid) {
  ASSERT_TRUE(Prepare().ok());
  options_.action = PrepareAction::kUndo;
  EXPECT_EQ(Prepare().value(), "vda2: the region is given back; the swap has 200 MiB again\n");
  EXPECT_EQ(Prepare().value(), "vda2: there is no region; nothing was changed\n");
}

TEST_F(PrepareSwapTest, RefusesAnUnknownUuid) {
  (*options_.swap_uuid)[3] ^= 1;
  ExpectRefused("no block device holds a swap");
}

TEST_F(PrepareSwapTest, RefusesAUuidFoundTwice) {
  FakeBlockDevice copy(device_);
  machine_.devices.push_back({FakeMachine::Identity(copy, 1), &copy});
  ExpectRefused("found twice, on vda2 and on vdb2");
}

TEST_F(PrepareSwapTest, RefusesADeviceThatMayNotHoldARegion) {
  machine_.devices[0].identity.unacceptable = "a loop device";
  ExpectRefused("a loop device");
}

TEST_F(PrepareSwapTest, RefusesASuspendSignatureOnAnotherSwap) {
  FakeBlockDevice other(64 * kMiB);
  SwapBuilder suspended;
  suspended.uuid[0] ^= 1;
  suspended.magic = std::string("S1SUSPEND\0", 10);
  suspended.WriteTo(other);
  machine_.devices.push_back({FakeMachine::Identity(other, 1), &other});
  ExpectRefused("vdb2 carries the suspend signature");
}

TEST_F(PrepareSwapTest, RefusesASuspendSignatureInASwapFile) {
  SwapBuilder suspended;
  suspended.last_page = 100;
  suspended.magic = std::string("S1SUSPEND\0", 10);
  const std::vector<uint8_t> page = suspended.Build();
  machine_.Write("/swapfile", std::string(TextOf(page)) + std::string(kSwapHeadBytes, '\0'));
  machine_.Write("/etc/fstab", "/swapfile none swap sw 0 0\n");
  ExpectRefused("/swapfile carries the suspend signature");
}

TEST_F(PrepareSwapTest, RefusesWhileAHibernatedSystemIsNoted) {
  machine_.Write("/sys/firmware/efi/efivars/HibernateLocation-8cf2644b-4b0b-428f-9387-6d876050dc67", "x");
  ExpectRefused("HibernateLocation");
}

TEST_F(PrepareSwapTest, RefusesAnActiveSwap) {
  Activate(0, -2);
  ExpectRefused("--swapoff");
}

TEST_F(PrepareSwapTest, AnActiveSwapIsNoObstacleWhenAllIsInOrder) {
  ASSERT_TRUE(Prepare().ok());
  Activate(0, -2);
  machine_.calls.clear();
  options_.active_swap = ActiveSwapPolicy::kSwapOff;
  EXPECT_TRUE(Prepare().ok());
  EXPECT_TRUE(machine_.calls.empty());
}

TEST_F(PrepareSwapTest, SwapOffBringsTheSwapBackAsItWas) {
  Activate(1024, 7);
  machine_.Write("/etc/fstab", "UUID=" + FormatUuid(swap_.uuid) + " none swap sw,discard 0 0\n");
  options_.active_swap = ActiveSwapPolicy::kSwapOff;
  const auto report = Prepare();
  ASSERT_TRUE(report.ok()) << report.error().text();
  EXPECT_EQ(machine_.calls, (std::vector<std::string>{"swapoff /dev/vda2", "lock vda",
                                                      "swapon /dev/vda2 " + std::to_string(0x8000 + 7 + 0x10000)}));
  EXPECT_EQ(Header().end(), kDeviceBytes - 64 * kMiB);
}

TEST_F(PrepareSwapTest, SwapOffBringsTheSwapBackOnFailure) {
  Activate(0, -2);
  options_.active_swap = ActiveSwapPolicy::kSwapOff;
  device_.FailAt(FakeBlockDevice::Kind::kWrite, 3, FakeBlockDevice::Fault::kError);
  EXPECT_FALSE(Prepare().ok());
  EXPECT_EQ(machine_.calls.back(), "swapon /dev/vda2 0");
  EXPECT_EQ(machine_.swaps().size(), 1u);
}

TEST_F(PrepareSwapTest, SaysThatTheSwapIsOffWhenItDoesNotComeBack) {
  Activate(0, -2);
  options_.active_swap = ActiveSwapPolicy::kSwapOff;
  machine_.swap_on_fails = true;
  const auto report = Prepare();
  ASSERT_FALSE(report.ok());
  EXPECT_NE(std::string(report.error().text()).find("the swap is OFF"), std::string::npos);
}

TEST_F(PrepareSwapTest, SwapOffWantsMemoryForWhatIsSwappedOut) {
  Activate(900001, -2);  // MemAvailable is 900000
  options_.active_swap = ActiveSwapPolicy::kSwapOff;
  ExpectRefused("swapped out");
  EXPECT_TRUE(machine_.calls.empty());
}

volatile sig_atomic_t seen_signal = 0;

TEST_F(PrepareSwapTest, ASignalWaitsUntilTheSwapIsBack) {
  struct sigaction note {};
  note.sa_handler = [](int number) { seen_signal = number; };
  struct sigaction former {};
  ASSERT_EQ(sigaction(SIGTERM, &note, &former), 0);
  {
    Activate(0, -2);
    const ActiveSwap swap{.path = "/dev/vda2", .is_file = false, .used = 0, .priority = -2};
    const auto pause = SwapPause::Begin(machine_, swap, "");
    ASSERT_TRUE(pause.ok());
    ASSERT_EQ(raise(SIGTERM), 0);
    EXPECT_EQ(seen_signal, 0);
    EXPECT_TRUE(machine_.swaps().empty());
  }
  EXPECT_EQ(seen_signal, SIGTERM);
  EXPECT_EQ(machine_.swaps().size(), 1u);
  (void)sigaction(SIGTERM, &former, nullptr);
}

TEST_F(PrepareSwapTest, AChangeUnloadsTheImageOfItsRegion) {
  ASSERT_TRUE(Prepare().ok());
  const Stamp stamp = ReadStamps(device_, Header()).value();
  ArmedRecord armed;
  armed.state = ArmedState::kArmed;
  armed.boot_id = "11111111-2222-3333-4444-555555555555";
  armed.region_id = stamp.region_id;
  run_.files()[kArmedRecordName] = armed.ToText();
  machine_.SetImage(FakeMachine::Image{});
  machine_.calls.clear();
  options_.action = PrepareAction::kUndo;
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(machine_.calls, (std::vector<std::string>{"lock vda", "unload"}));
  EXPECT_FALSE(machine_.image.has_value());
  EXPECT_TRUE(run_.files().empty());
}

TEST_F(PrepareSwapTest, AnImageForAnotherSwapStays) {
  ArmedRecord armed;
  armed.state = ArmedState::kArmed;
  armed.boot_id = "11111111-2222-3333-4444-555555555555";
  armed.region_id = {1, 2, 3};
  run_.files()[kArmedRecordName] = armed.ToText();
  machine_.SetImage(FakeMachine::Image{});
  ASSERT_TRUE(Prepare().ok());
  EXPECT_TRUE(machine_.image.has_value());
}

}  // namespace
}  // namespace crashdump
