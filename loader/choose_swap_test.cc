// SPDX-License-Identifier: GPL-2.0-or-later
// Which swap is taken where nobody names one, at an early boot too.
#include "loader/choose_swap.h"

#include <gtest/gtest.h>

#include <chrono>

#include "common/crypto/crypto.h"
#include "common/storage/region_store.h"
#include "common/testing/fake_block_device.h"
#include "common/testing/fake_state_directory.h"
#include "common/testing/swap_builder.h"
#include "common/testing/temp_directory.h"
#include "loader/fake_machine.h"
#include "loader/prepare_at_boot.h"

namespace crashdump {
namespace {

constexpr SettleLimits kShort = {.quiet_milliseconds = 20, .poll_milliseconds = 1, .deadline_milliseconds = 20};

class ChooseSwapTest : public testing::Test {
 protected:
  ChooseSwapTest() {
    InitializeCrypto().TakeValue();
    machine_.Write("/etc/fstab", "# none\n");
    for (unsigned i = 0; i < kDevices; ++i) {
      swaps_[i].uuid[0] = static_cast<uint8_t>(0xa0 + i);
      swaps_[i].WriteTo(devices_[i]);
      machine_.devices.push_back({FakeMachine::Identity(devices_[i], i), &devices_[i]});
    }
  }

  StateDirectories State() { return {keys_, regions_, run_, remembered_}; }
  std::string Source(unsigned device) { return "UUID=" + FormatUuid(swaps_[device].uuid); }
  void Activate(std::initializer_list<unsigned> devices) {
    std::vector<FakeMachine::Swap> active;
    for (const unsigned i : devices) {
      const DeviceIdentity& identity = machine_.devices[i].identity;
      active.push_back({"/dev/" + identity.name, identity.device_number, 0, -2});
    }
    machine_.SetSwaps(active);
  }
  std::vector<std::string> Candidates() {
    std::vector<std::string> names;
    const std::vector<SwapDevice> swaps = SwapCandidates(machine_, State()).TakeValue();
    for (const SwapDevice& swap : swaps) names.push_back(swap.identity.name);
    return names;
  }
  Result<std::string> Prepare(std::optional<unsigned> device, PrepareAction action = PrepareAction::kPrepare) {
    PrepareOptions options;
    if (device) options.swap_uuid = swaps_[*device].uuid;
    options.reserve = 64 * kMiB;
    options.action = action;
    return PrepareSwap(machine_, State(), options);
  }
  Result<bool> Wait(std::optional<unsigned> device = {}, const SettleLimits& limits = kShort) {
    PrepareOptions options;
    if (device) options.swap_uuid = swaps_[*device].uuid;
    options.reserve = 64 * kMiB;
    return WaitForSwap(machine_, State(), options, limits);
  }
  void WriteFstab(std::initializer_list<unsigned> devices) {
    std::string text;
    for (const unsigned device : devices) text += Source(device) + " none swap sw 0 0\n";
    machine_.Write("/etc/fstab", text);
  }
  FakeMachine::Device Unplug(unsigned device) {
    const FakeMachine::Device unplugged = machine_.devices.at(device);
    machine_.devices.erase(machine_.devices.begin() + static_cast<ptrdiff_t>(device));
    return unplugged;
  }
  uint64_t WritesTo(unsigned device) const { return devices_[device].CountOf(FakeBlockDevice::Kind::kWrite); }

  static constexpr unsigned kDevices = 3;
  TempDirectory root_;
  FakeMachine machine_{root_.path()};
  SwapBuilder swaps_[kDevices];
  FakeBlockDevice devices_[kDevices]{FakeBlockDevice{160 * kMiB}, FakeBlockDevice{320 * kMiB},
                                     FakeBlockDevice{240 * kMiB}};
  FakeStateDirectory keys_, regions_, run_, remembered_;
};

TEST_F(ChooseSwapTest, CandidatesAreThisSystemsSwaps) {
  EXPECT_TRUE(Candidates().empty()) << "swaps that may be another installation's";
  Activate({0, 1});
  EXPECT_EQ(Candidates(), (std::vector<std::string>{"vdb2", "vda2"}));
  WriteFstab({2});
  EXPECT_EQ(Candidates(), (std::vector<std::string>{"vdb2", "vdc2", "vda2"}));
  machine_.devices[1].identity.unacceptable = "in use by dm-0";
  EXPECT_EQ(Candidates(), (std::vector<std::string>{"vdc2", "vda2"}));
  machine_.Reboot();
  EXPECT_EQ(Candidates(), (std::vector<std::string>{"vdc2"})) << "before anything is in use";
  machine_.Write("/etc/fstab", "/dev/vda2 none swap sw 0 0\n" + Source(2) + " none swap sw,noauto 0 0\n");
  EXPECT_EQ(Candidates(), (std::vector<std::string>{"vda2"}));
}

TEST_F(ChooseSwapTest, WhatNoFileNamesIsRemembered) {
  EXPECT_FALSE(MayHaveCandidates(machine_, State()).value());
  Activate({0, 1});
  ASSERT_TRUE(RememberSwaps(machine_, State()).ok());
  machine_.Reboot();
  EXPECT_EQ(Candidates(), (std::vector<std::string>{"vdb2", "vda2"}));
  EXPECT_TRUE(MayHaveCandidates(machine_, State()).value());
  // While it is off for a moment, it is not forgotten.
  ASSERT_TRUE(RememberSwaps(machine_, State()).ok());
  EXPECT_EQ(Candidates(), (std::vector<std::string>{"vdb2", "vda2"}));
  // What has been in use once by hand is no match for what the system says.
  WriteFstab({2});
  EXPECT_EQ(Candidates(), (std::vector<std::string>{"vdc2"}));
}

TEST_F(ChooseSwapTest, RemembersWithoutNeedOnlyOnce) {
  Activate({0});
  ASSERT_TRUE(RememberSwaps(machine_, State()).ok());
  remembered_.ClearLog();
  ASSERT_TRUE(RememberSwaps(machine_, State()).ok());
  for (const auto& operation : remembered_.log()) EXPECT_NE(operation.kind, FakeStateDirectory::Kind::kReplace);
}

TEST_F(ChooseSwapTest, TheLargestThatIsAccepted) {
  Activate({0, 1, 2});
  const auto small = [&](const SwapDevice& swap) -> Result<> {
    if (swap.identity.size > 200 * kMiB) return Error::Format(ErrorCode::kRefused, "%s", swap.identity.name.c_str());
    return {};
  };
  EXPECT_EQ(ChooseSwapToPrepare(machine_, State(), small).value(), swaps_[0].uuid);
  const auto nothing = [](const SwapDevice& swap) -> Result<> {
    return Error::Format(ErrorCode::kRefused, "%s is too small", swap.identity.name.c_str());
  };
  EXPECT_STREQ(ChooseSwapToPrepare(machine_, State(), nothing).error().text(), "vdb2 is too small");
  Activate({});
  EXPECT_EQ(ChooseSwapToPrepare(machine_, State(), small).error().code(), ErrorCode::kNotFound);
}

TEST_F(ChooseSwapTest, ThePreparedOne) {
  EXPECT_EQ(ChoosePreparedSwap(machine_, State(), swaps_[2].uuid).value(), swaps_[2].uuid) << "what is named";
  EXPECT_STREQ(ChoosePreparedSwap(machine_, State(), std::nullopt).error().text(),
               "no swap is prepared: run `crashdump prepare`");
  ASSERT_TRUE(Prepare(0).ok());
  EXPECT_EQ(ChoosePreparedSwap(machine_, State(), std::nullopt).value(), swaps_[0].uuid);
  ASSERT_TRUE(Prepare(1).ok());
  const auto two = ChoosePreparedSwap(machine_, State(), std::nullopt);
  EXPECT_EQ(two.error().code(), ErrorCode::kRefused);
  EXPECT_NE(std::string(two.error().text()).find("several swaps are prepared"), std::string::npos);
  // A record may stay for the sake of a key; what counts is what is on the disk.
  const auto records = regions_.files();
  ASSERT_TRUE(Prepare(0, PrepareAction::kUndo).ok());
  regions_.files() = records;
  EXPECT_EQ(ChoosePreparedSwap(machine_, State(), std::nullopt).value(), swaps_[1].uuid);
}

TEST_F(ChooseSwapTest, AMissingPreparedSwapIsNotReplaced) {
  ASSERT_TRUE(Prepare(0).ok());
  WriteFstab({0, 1});
  const FakeMachine::Device unplugged = Unplug(0);
  const auto missing = Prepare({});
  EXPECT_EQ(missing.error().code(), ErrorCode::kRefused);
  EXPECT_NE(std::string(missing.error().text()).find("is not there"), std::string::npos) << missing.error().text();
  EXPECT_EQ(Wait().error().code(), ErrorCode::kTimeout) << "it may come yet";
  EXPECT_EQ(WritesTo(1), 0u);
  machine_.devices.push_back(unplugged);
  EXPECT_TRUE(Wait().value());
  EXPECT_EQ(Prepare({}).value(), "vda2: the region of 64.0 MiB is in order; nothing was changed\n");
}

TEST_F(ChooseSwapTest, ToAdoptOneItMustBeNamed) {
  Activate({0});
  EXPECT_NE(std::string(Prepare({}, PrepareAction::kAdopt).error().text()).find("--swap UUID"), std::string::npos);
}

TEST_F(ChooseSwapTest, ABootPreparesTheLargestAndStaysWithIt) {
  WriteFstab({0, 2});
  EXPECT_TRUE(Wait().value());
  EXPECT_EQ(Prepare({}).value().substr(0, 5), "vdc2:");
  WriteFstab({1});
  EXPECT_TRUE(Wait().value());
  EXPECT_EQ(Prepare({}).value(), "vdc2: the region of 64.0 MiB is in order; nothing was changed\n");
  EXPECT_EQ(WritesTo(0) + WritesTo(1), 0u);
}

TEST_F(ChooseSwapTest, ABootWithoutSwapsWaitsForNothing) {
  machine_.Write("/etc/fstab", "/swapfile none swap sw 0 0\n");
  machine_.before_list = [] { ADD_FAILURE() << "looks for disks"; };
  EXPECT_FALSE(Wait().value());
}

TEST_F(ChooseSwapTest, BeforeTheFirstWriteABootWaitsForAllDisks) {
  WriteFstab({0});
  unsigned lists = 0;
  machine_.before_list = [&] { ++lists; };
  EXPECT_TRUE(Wait(0).value());
  EXPECT_GE(lists, 3u) << "until it is there, and until no other disk has come for a while";
  ASSERT_TRUE(Prepare(0).ok());
  lists = 0;
  EXPECT_TRUE(Wait(0).value());
  EXPECT_EQ(lists, 1u);
  // A copy that comes a moment later.
  FakeBlockDevice twin(devices_[1]);
  WriteFstab({1});
  regions_.files().clear();
  machine_.before_list = [&, calls = 0]() mutable {
    if (++calls == 2) machine_.devices.push_back({FakeMachine::Identity(twin, 7), &twin});
  };
  EXPECT_TRUE(Wait(1).value());
  EXPECT_NE(std::string(Prepare(1).error().text()).find("found twice"), std::string::npos);
}

TEST_F(ChooseSwapTest, ASwapThatComesLateHasItsQuietTimeNevertheless) {
  WriteFstab({0});
  const FakeMachine::Device late = Unplug(0);
  machine_.before_list = [&, begin = std::chrono::steady_clock::now()] {
    const bool is_time = std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(700);
    if (is_time && machine_.devices.size() + 1 == kDevices) machine_.devices.push_back(late);
  };
  // What is left of the time is less than that.
  EXPECT_TRUE(Wait(0, {.quiet_milliseconds = 1000, .poll_milliseconds = 10, .deadline_milliseconds = 1500}).value());
}

TEST_F(ChooseSwapTest, ABootWaitsForUdev) {
  WriteFstab({0});
  machine_.Write("/run/udev/data/+dmi:id", "");
  EXPECT_EQ(Wait(0).error().code(), ErrorCode::kTimeout);
  machine_.Write("/run/udev/data/b254:2", "");
  EXPECT_TRUE(Wait(0).value());
}

}  // namespace
}  // namespace crashdump
