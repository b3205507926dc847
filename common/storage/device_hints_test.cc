// SPDX-License-Identifier: GPL-2.0-or-later
// DeviceHints: what is recorded about a device comes back, and tells it from another.
#include "common/storage/device_hints.h"

#include <gtest/gtest.h>

namespace crashdump {
namespace {

TargetDevice Example() {
  TargetDevice device;
  device.size = 256 * kMiB;
  device.logical_block_size = 512;
  device.start_sector = 2048;
  device.part_uuid = "0a1b2c3d-01";
  device.serial = "SERIAL 1";
  device.region = {128 * kMiB, 256 * kMiB};
  return device;
}

DeviceIdentity Live() {
  DeviceIdentity identity;
  identity.size = 256 * kMiB;
  identity.logical_block_size = 512;
  identity.start_sector = 2048;
  identity.part_uuid = "0a1b2c3d-01";
  identity.serial = "SERIAL 1";
  identity.model = "Model";
  return identity;
}

TEST(DeviceHints, ComeBack) {
  const Result<DeviceHints> hints = ParseHints(HintsOf(Example()));
  ASSERT_TRUE(hints.ok()) << hints.error().text();
  EXPECT_EQ(hints.value().region, Example().region);
  EXPECT_EQ(hints.value().device_size, Example().size);
  EXPECT_EQ(hints.value().serial, "SERIAL 1");
  EXPECT_EQ(hints.value().model, "");
}

TEST(DeviceHints, LeaveOutWhatIsNoLineOfText) {
  TargetDevice device = Example();
  device.serial = "two\nlines";
  EXPECT_EQ(ParseHints(HintsOf(device)).value().serial, "");
}

TEST(DeviceHints, NameWhatIsMissing) {
  HintList hints = HintsOf(Example());
  std::erase_if(hints, [](const auto& hint) { return hint.first == "region-end"; });
  EXPECT_NE(std::string(ParseHints(hints).error().text()).find("region-end"), std::string::npos);
}

TEST(DeviceHints, RefuseBoundsThatCannotBe) {
  TargetDevice device = Example();
  device.region = {2, 1};
  EXPECT_FALSE(ParseHints(HintsOf(device)).ok());
}

TEST(SameDevice, WantsEveryRecordedFact) {
  const DeviceHints hints = ParseHints(HintsOf(Example())).value();
  EXPECT_TRUE(SameDevice(hints, Live()));
  DeviceIdentity other = Live();
  other.serial = "SERIAL 2";
  EXPECT_FALSE(SameDevice(hints, other));
  other = Live();
  other.size += 512;
  EXPECT_FALSE(SameDevice(hints, other));
  other = Live();
  other.start_sector = 4096;
  EXPECT_FALSE(SameDevice(hints, other));
  other = Live();
  other.part_uuid.clear();
  EXPECT_FALSE(SameDevice(hints, other));
  other = Live();
  other.model = "Another";
  EXPECT_TRUE(SameDevice(hints, other)) << "the model was not recorded";
}

}  // namespace
}  // namespace crashdump
