// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/watchdog.h"

#include <gtest/gtest.h>

#include "capture/init/test_support.h"

namespace crashdump {
namespace {

TEST(WatchdogTest, IsFedAtAThirdOfItsTimeout) {
  const ScratchDirectory directory;
  const std::string path = directory.Write("watchdog", "");
  Watchdog watchdog;
  watchdog.Feed(1000);  // not open: nothing
  ASSERT_TRUE(watchdog.Open(path.c_str()).ok());
  EXPECT_TRUE(watchdog.is_open());
  watchdog.Feed(1000);
  EXPECT_EQ(directory.Read("watchdog").size(), 1U);
  watchdog.Feed(20'999);
  EXPECT_EQ(directory.Read("watchdog").size(), 1U);
  watchdog.Feed(21'000);
  EXPECT_EQ(directory.Read("watchdog"), std::string(2, '\0'));
}

TEST(WatchdogTest, ClosingAnnouncesItself) {
  const ScratchDirectory directory;
  const std::string path = directory.Write("watchdog", "");
  Watchdog watchdog;
  watchdog.Close();  // not open: nothing
  ASSERT_TRUE(watchdog.Open(path.c_str()).ok());
  watchdog.Close();
  EXPECT_EQ(directory.Read("watchdog"), "V");
  EXPECT_FALSE(watchdog.is_open());
  watchdog.Feed(100'000);
  EXPECT_EQ(directory.Read("watchdog"), "V");
}

TEST(WatchdogTest, ItMayBeMissing) {
  Watchdog watchdog;
  EXPECT_FALSE(watchdog.Open("/nonexistent/watchdog").ok());
  EXPECT_FALSE(watchdog.is_open());
}

}  // namespace
}  // namespace crashdump
