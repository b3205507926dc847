// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/fake_state_directory.h"

#include <gtest/gtest.h>

namespace crashdump {
namespace {

using Kind = FakeStateDirectory::Kind;

TEST(FakeStateDirectory, KeepsFilesInByteOrder) {
  FakeStateDirectory directory;
  EXPECT_TRUE(directory.Replace("b", "1").ok());
  EXPECT_TRUE(directory.Replace("a", "2").ok());
  EXPECT_TRUE(directory.Replace("b", "3").ok());
  EXPECT_EQ(directory.List().value(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(directory.Read("b").value(), "3");
  EXPECT_TRUE(directory.Remove("b").ok());
  EXPECT_TRUE(directory.Remove("b").ok());
  EXPECT_EQ(directory.Read("b").value(), std::nullopt);
  EXPECT_EQ(directory.log().size(), 8U);
}

TEST(FakeStateDirectory, FailsTheChosenOperationOnce) {
  FakeStateDirectory directory;
  directory.FailAt(Kind::kReplace, 1);
  EXPECT_TRUE(directory.Replace("a", "1").ok());
  EXPECT_FALSE(directory.Replace("a", "2").ok());
  EXPECT_EQ(directory.files().at("a"), "1");
  EXPECT_TRUE(directory.Replace("a", "3").ok());
  EXPECT_TRUE(directory.log()[1].failed);
}

TEST(FakeStateDirectory, PowerGoesBeforeOrAfterAChange) {
  for (const auto moment : {PowerSwitch::Moment::kBefore, PowerSwitch::Moment::kAfter}) {
    PowerSwitch power;
    FakeStateDirectory directory;
    directory.ConnectTo(&power);
    power.CutAt(1, moment);
    EXPECT_TRUE(directory.Replace("a", "old").ok());
    EXPECT_FALSE(directory.Replace("a", "new").ok());
    EXPECT_FALSE(directory.Remove("a").ok());
    EXPECT_FALSE(directory.Read("a").ok());
    EXPECT_FALSE(directory.List().ok());
    power.TurnOn();
    EXPECT_EQ(directory.Read("a").value(), moment == PowerSwitch::Moment::kAfter ? "new" : "old");
  }
}

}  // namespace
}  // namespace crashdump
