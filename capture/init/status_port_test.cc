// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/status_port.h"

#include <gtest/gtest.h>

#include "capture/init/test_support.h"

namespace crashdump {
namespace {

class StatusPortTest : public ::testing::Test {
 protected:
  StatusPortTest() {
    EXPECT_EQ(mkdir(directory_.Path("class").c_str(), 0700), 0);
    EXPECT_EQ(mkdir(directory_.Path("class/vport0p1").c_str(), 0700), 0);
    EXPECT_EQ(mkdir(directory_.Path("class/vport0p2").c_str(), 0700), 0);
    EXPECT_EQ(mkdir(directory_.Path("dev").c_str(), 0700), 0);
    directory_.Write("class/vport0p1/name", "other\n");
    directory_.Write("class/vport0p2/name", "crashdump.status\n");
  }
  Result<> Open(const std::string& name) {
    return port_.Open(directory_.Path("class").c_str(), directory_.Path("dev").c_str(), name);
  }
  void Link(const std::string& name) {
    EXPECT_EQ(symlink(line_.device().c_str(), directory_.Path("dev/" + name).c_str()), 0);
  }

  ScratchDirectory directory_;
  SerialLine line_;
  StatusPort port_;
};

TEST_F(StatusPortTest, FindsAPortByItsName) {
  Link("vport0p2");
  ASSERT_TRUE(Open("crashdump.status").ok());
  port_.Line("stage %s\n", "start");
  EXPECT_EQ(line_.ReceiveUntil("\n"), "stage start?\n");
}

TEST_F(StatusPortTest, OtherwiseTakesADevice) {
  Link("ttyS1");
  ASSERT_TRUE(Open("ttyS1").ok());
  line_.Send("go\n");
  port_.Line("x");
  // Raw: no echo of the host's words, no carriage return.
  EXPECT_EQ(line_.ReceiveUntil("x\n"), "x\n");
}

TEST_F(StatusPortTest, NeitherIsAnError) {
  EXPECT_FALSE(Open("crashdump.status").ok());  // the port is there, its device not yet
  EXPECT_FALSE(Open("nothing").ok());
  EXPECT_FALSE(port_.is_open());
  port_.Line("into the void");
  EXPECT_FALSE(port_.ReadGo());
}

TEST_F(StatusPortTest, AGoIsALineOfItsOwn) {
  Link("p");
  ASSERT_TRUE(Open("p").ok());
  EXPECT_FALSE(port_.ReadGo());
  line_.Send("gone\nno go\ng");
  EXPECT_FALSE(port_.ReadGo());
  line_.Send("o\r\n");
  EXPECT_TRUE(port_.ReadGo());
  EXPECT_FALSE(port_.ReadGo());
}

TEST_F(StatusPortTest, DiscardedInputIsNoGo) {
  Link("p");
  ASSERT_TRUE(Open("p").ok());
  line_.Send("go\ng");
  port_.DiscardInput();
  line_.Send("o\n");
  EXPECT_FALSE(port_.ReadGo());
}

}  // namespace
}  // namespace crashdump
