// SPDX-License-Identifier: GPL-2.0-or-later
// Which swap is taken where nobody names one, at an early boot too.
#include "loader/choose_swap.h"

#include <gtest/gtest.h>

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

constexpr SettleLimits kShort = {.quiet_milliseconds = 1, .poll_milliseconds = 1, .deadline_milliseconds = 20};

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
  Result<std::string> AtBoot(const std::string& configuration) {
    const Configuration parsed = ParseConfiguration(machine_, configuration).TakeValue();
    PrepareOptions options;
    options.swap_uuid = parsed.target;
    options.reserve = parsed.reserve;
    return PrepareAtBoot(machine_, State(), parsed, options, kShort);
  }

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
  machine_.Write("/etc/fstab", Source(2) + " none swap sw 0 0\n");
  EXPECT_EQ(Candidates(), (std::vector<std::string>{"vdb2", "vdc2", "vda2"}));
  ASSERT_TRUE(RememberSwaps(machine_, State()).ok());
  machine_.Reboot();
  EXPECT_EQ(Candidates(), (std::vector<std::string>{"vdb2", "vdc2", "vda2"})) << "before anything is in use";
  machine_.Write("/etc/fstab", "/dev/vda2 none swap sw 0 0\n");
  remembered_.files().clear();
  EXPECT_EQ(Candidates(), (std::vector<std::string>{"vda2"}));
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
  const auto refused = ChooseSwapToPrepare(machine_, State(), nothing);
  ASSERT_FALSE(refused.ok());
  EXPECT_STREQ(refused.error().text(),
               "no swap partition can be prepared: vdb2 is too small; vdc2 is too small; vda2 is too small");
}

TEST_F(ChooseSwapTest, ThePreparedOne) {
  const Uuid named = swaps_[2].uuid;
  EXPECT_EQ(ChoosePreparedSwap(machine_, State(), named).value(), named);
  EXPECT_STREQ(ChoosePreparedSwap(machine_, State(), std::nullopt).error().text(),
               "no swap is prepared: run `crashdump prepare`");
  Activate({0});
  machine_.SetSwaps({});
  PrepareOptions options;
  options.reserve = 64 * kMiB;
  options.swap_uuid = swaps_[0].uuid;
  ASSERT_TRUE(PrepareSwap(machine_, State(), options).ok());
  EXPECT_EQ(ChoosePreparedSwap(machine_, State(), std::nullopt).value(), swaps_[0].uuid);
  options.swap_uuid = swaps_[1].uuid;
  ASSERT_TRUE(PrepareSwap(machine_, State(), options).ok());
  const auto two = ChoosePreparedSwap(machine_, State(), std::nullopt);
  ASSERT_FALSE(two.ok());
  EXPECT_NE(std::string(two.error().text()).find("on vda2 and on vdb2: choose one with TARGET="), std::string::npos);
}

TEST_F(ChooseSwapTest, AnEarlyBootPreparesOnlyWhatWasAskedFor) {
  machine_.Write("/etc/fstab", Source(0) + " none swap sw 0 0\n" + Source(2) + " none swap sw 0 0\n");
  EXPECT_EQ(AtBoot("").value(), "RESERVE= is not set: nothing is prepared\n");
  EXPECT_EQ(AtBoot("RESERVE=64M\n").value().substr(0, 5), "vdc2:");
  // From then on that one stays it, and nothing is waited for.
  machine_.Write("/etc/fstab", Source(1) + " none swap sw 0 0\n");
  EXPECT_EQ(AtBoot("RESERVE=64M\n").value(), "vdc2: the region of 64.0 MiB is in order; nothing was changed\n");
  EXPECT_EQ(devices_[0].CountOf(FakeBlockDevice::Kind::kWrite), 0u);
  EXPECT_EQ(devices_[1].CountOf(FakeBlockDevice::Kind::kWrite), 0u);
}

TEST_F(ChooseSwapTest, ABootWithoutASwapForItFailsOnlyIfOneWasNamed) {
  EXPECT_EQ(AtBoot("RESERVE=auto\n").value().substr(0, 21), "nothing is prepared: ");
  machine_.Write("/etc/fstab", Source(0) + " none swap sw 0 0\n");
  const std::string too_small = AtBoot("RESERVE=auto\n").value();
  EXPECT_EQ(too_small.substr(0, 61), "nothing is prepared: no swap partition can be prepared: vda2:") << too_small;
  EXPECT_FALSE(AtBoot("RESERVE=64M\nTARGET=UUID=00000000-5566-4788-99aa-bbccddeeff01\n").ok());
}

}  // namespace
}  // namespace crashdump
