// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/find_devices.h"

#include <gtest/gtest.h>

#include "common/testing/fake_sysfs.h"
#include "common/testing/swap_builder.h"

namespace crashdump {
namespace {

class FindSwapsTest : public testing::Test {
 protected:
  void AddDisk(const std::string& name, const std::string& number, const std::vector<uint8_t>& content) {
    sysfs_.AddDisk("devices/pci0000:00/" + name + "dev/block/" + name, number, 8192);
    std::vector<uint8_t> disk = content;
    disk.resize(4 * kMiB);
    (void)sysfs_.WriteNode(name, TextOf(disk));
  }

  static SwapBuilder Swap() {
    SwapBuilder builder;
    builder.last_page = 1023;
    return builder;
  }

  FakeSysfs sysfs_;
};

TEST_F(FindSwapsTest, FindsEveryDeviceWithTheUuidAndNoOther) {
  SwapBuilder other = Swap();
  other.uuid[3] ^= 1;
  SwapBuilder suspended = Swap();
  suspended.magic = "S1SUSPEND";
  AddDisk("vda", "254:0", {});
  AddDisk("vdb", "254:16", Swap().Build());
  AddDisk("vdc", "254:32", other.Build());
  AddDisk("vdd", "254:48", suspended.Build());
  sysfs_.AddDisk("devices/pci0000:00/vde", "254:64", 8192);  // without a node
  const std::vector<DeviceIdentity> found = FindSwaps(sysfs_.paths(), Swap().uuid).TakeValue();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].name, "vdb");
  EXPECT_EQ(found[1].name, "vdd");
  Uuid unknown = Swap().uuid;
  unknown[0] ^= 1;
  EXPECT_TRUE(FindSwaps(sysfs_.paths(), unknown).value().empty());
}

TEST_F(FindSwapsTest, RealEnvironmentLooksForTheUuid) {
  SystemSettleEnvironment environment(sysfs_.paths(), Swap().uuid);
  EXPECT_FALSE(environment.HasTarget().value());
  AddDisk("vdb", "254:16", Swap().Build());
  EXPECT_TRUE(environment.HasTarget().value());
  EXPECT_EQ(environment.ListDevices().value(), std::vector<std::string>{"vdb"});
  const uint64_t before = environment.NowMilliseconds();
  environment.SleepMilliseconds(20);
  EXPECT_GE(environment.NowMilliseconds() - before, 19U);
}

// Devices appear at given times of a clock that only sleeping moves.
class ScriptedEnvironment final : public SettleEnvironment {
 public:
  uint64_t NowMilliseconds() override { return now_; }
  void SleepMilliseconds(uint64_t milliseconds) override { now_ += milliseconds; }
  Result<std::vector<std::string>> ListDevices() override {
    std::vector<std::string> names;
    for (const auto& [time, name] : appearances) {
      if (time <= now_) names.push_back(name);
    }
    return names;
  }
  Result<bool> HasTarget() override {
    asked_at.push_back(now_);
    return now_ >= target_at;
  }

  std::vector<std::pair<uint64_t, std::string>> appearances;
  uint64_t target_at = 0;
  std::vector<uint64_t> asked_at;

 private:
  uint64_t now_ = 100000;
};

TEST(WaitUntilSettled, WaitsTwoSecondsBehindTheLastNewDevice) {
  ScriptedEnvironment environment;
  environment.appearances = {{100000, "vda"}, {101500, "vdb"}, {103400, "vdc"}};
  ASSERT_TRUE(WaitUntilSettled(environment, {}).ok());
  ASSERT_EQ(environment.asked_at.size(), 1U);
  EXPECT_GE(environment.asked_at[0], 105400U);
  EXPECT_LE(environment.asked_at[0], 105600U);
}

TEST(WaitUntilSettled, GoesOnWaitingForALateTargetAndItsTwin) {
  ScriptedEnvironment environment;
  environment.appearances = {{100000, "vda"}, {110000, "vdb"}, {111000, "vdc"}};
  environment.target_at = 110000;
  ASSERT_TRUE(WaitUntilSettled(environment, {}).ok());
  EXPECT_GE(environment.asked_at.back(), 113000U) << "vdc may be the twin of vdb";
}

TEST(WaitUntilSettled, GivesUpAtTheDeadline) {
  ScriptedEnvironment missing;
  missing.appearances = {{100000, "vda"}};
  missing.target_at = UINT64_MAX;
  const Result<> absent = WaitUntilSettled(missing, {});
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code(), ErrorCode::kTimeout);
  EXPECT_NE(std::string(absent.error().text()).find("not appeared"), std::string::npos);
  EXPECT_NE(std::string(absent.error().text()).find("vda"), std::string::npos);

  ScriptedEnvironment restless;
  for (uint64_t i = 0; i < 40; ++i) restless.appearances.emplace_back(100000 + i * 1000, "sd" + std::to_string(i));
  const Result<> moving = WaitUntilSettled(restless, {});
  ASSERT_FALSE(moving.ok());
  EXPECT_NE(std::string(moving.error().text()).find("still appearing"), std::string::npos);

  ScriptedEnvironment none;
  none.target_at = UINT64_MAX;
  EXPECT_NE(std::string(WaitUntilSettled(none, {}).error().text()).find("none"), std::string::npos);
}

TEST(WaitUntilSettled, DeviceThatGoesAndComesBackIsNotNew) {
  class Flapping final : public SettleEnvironment {
   public:
    uint64_t NowMilliseconds() override { return now_; }
    void SleepMilliseconds(uint64_t milliseconds) override { now_ += milliseconds; }
    Result<std::vector<std::string>> ListDevices() override {
      std::vector<std::string> names = {"vda"};
      if (now_ / 300 % 2 == 0) names.emplace_back("sr0");
      return names;
    }
    Result<bool> HasTarget() override { return true; }

   private:
    uint64_t now_ = 0;
  } environment;
  ASSERT_TRUE(WaitUntilSettled(environment, {}).ok());
  EXPECT_LT(environment.NowMilliseconds(), 3000U);
}

}  // namespace
}  // namespace crashdump
