// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/target_description.h"

#include <gtest/gtest.h>

#include "common/testing/target_builder.h"

namespace crashdump {
namespace {

class TargetDescriptionTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(InitializeCrypto().ok());
    built_ = TargetBuilder().Build();
    text_ = FormatTargetDescription(built_.description);
  }

  // The text with the value of one key replaced.
  std::string With(const std::string& key, const std::string& value) const {
    const size_t begin = text_.find(key + "=");
    EXPECT_NE(begin, std::string::npos) << key;
    std::string changed = text_;
    return changed.replace(begin, text_.find('\n', begin) - begin, key + "=" + value);
  }
  std::string Without(const std::string& key) const {
    const size_t begin = text_.find(key + "=");
    std::string changed = text_;
    return changed.erase(begin, text_.find('\n', begin) - begin + 1);
  }

  BuiltTarget built_;
  std::string text_;
};

TEST_F(TargetDescriptionTest, DescribesTheDevice) {
  const TargetDevice& device = built_.description.device();
  EXPECT_EQ(device.size, 160 * kMiB);
  EXPECT_EQ(device.disk_size, 224 * kMiB);
  EXPECT_EQ(device.swap_uuid, SwapBuilder().uuid);
  EXPECT_EQ(device.last_page, LoweredLastPage(built_.stamp));
  EXPECT_EQ(device.region, built_.stamp.region);
  const Region region = built_.region();
  EXPECT_EQ(device.start_stamp, Hash256(built_.device->Peek(region.DeviceOffset(0), 4096)));
  EXPECT_EQ(device.end_stamp, Hash256(built_.device->Peek(region.DeviceOffset(region.end_stamp().begin), 4096)));
  EXPECT_EQ(device.control_blocks, HashControlBlocks(*built_.device, region).value());
}

TEST_F(TargetDescriptionTest, RoundTripsThroughText) {
  const Result<TargetDescription> parsed = ParseTargetDescription(text_);
  ASSERT_TRUE(parsed.ok()) << parsed.error().text();
  EXPECT_EQ(parsed.value(), built_.description);
  TargetDescription strange = built_.description;
  strange.slot = 7;
  strange.kept_samples = Hash{1, 2, 3};
  strange.devices[0].serial = std::string(" a\0b\n=\xff ", 8);
  strange.devices[0].model.clear();
  strange.devices[0].part_uuid.clear();
  strange.devices[0].drivers.clear();
  strange.extents[0].range = {8192, 8192};
  EXPECT_EQ(ParseTargetDescription(FormatTargetDescription(strange)).value(), strange);
}

TEST_F(TargetDescriptionTest, EveryFactButTheOptionalOnesIsRequired) {
  const TextRecord record = TextRecord::Parse(text_).TakeValue();
  unsigned required = 0;
  for (const auto& [key, value] : record.lines()) {
    const bool optional =
        key == "device.0.serial" || key == "device.0.model" || key == "device.0.partuuid" || key == "device.0.driver";
    const Result<TargetDescription> parsed = ParseTargetDescription(Without(key));
    EXPECT_EQ(parsed.ok(), optional) << key;
    if (optional) continue;
    ++required;
    EXPECT_EQ(parsed.error().code(), ErrorCode::kNotFound);
    EXPECT_NE(std::string(parsed.error().text()).find(key), std::string::npos) << parsed.error().text();
  }
  EXPECT_EQ(required, 35U);
}

TEST_F(TargetDescriptionTest, RefusesWhatCouldBeNoTarget) {
  const std::string region_begin = std::to_string(built_.stamp.region.begin);
  const Region region = built_.region();
  for (const std::string& text : {
           With("version", "2"),
           With("devices", "2"),
           With("extents", "0"),
           With("slot", "8"),
           With("slot", "-1"),
           With("extent.0.device", "1"),
           With("extent.0.begin", "0"),
           With("extent.0.begin", "4097"),
           With("extent.0.end", "4096000001"),
           With("extent.0.end", std::to_string(region.slots().begin + 4096)),
           With("extent.0.begin", std::to_string(16 * kMiB)),
           With("device.0.region-begin", "512"),
           With("device.0.region-end", std::to_string(built_.stamp.region.end + 4096)),
           With("device.0.region-end", region_begin),
           With("device.0.last-page", "40959"),
           With("device.0.last-page", "4294967296"),
           With("device.0.page-size", "0"),
           With("device.0.page-size", "131072"),
           With("device.0.swap-uuid", "x"),
           With("device.0.serial", "abc"),
           With("device.0.start-stamp", "00"),
           With("device.0.control.7.2", "zz"),
           std::string("junk\n"),
           std::string(),
       }) {
    EXPECT_FALSE(ParseTargetDescription(text).ok()) << text.substr(0, 200);
  }
  EXPECT_EQ(ParseTargetDescription(With("devices", "2")).error().code(), ErrorCode::kUnsupported);
}

TEST_F(TargetDescriptionTest, IsNotMadeFromADeviceWithoutARegion) {
  FakeBlockDevice bare(160 * kMiB);
  SwapBuilder().WriteTo(bare);
  EXPECT_EQ(DescribeDevice(bare, built_.identity, 4096).error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(DescribeDevice(*built_.device, built_.identity, 65536).ok());
}

}  // namespace
}  // namespace crashdump
