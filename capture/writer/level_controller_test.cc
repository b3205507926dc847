// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/level_controller.h"

#include <gtest/gtest.h>

namespace crashdump {
namespace {

// The level after so many chunks, for each of which one side is late.
int After(LevelController& controller, int chunks, void (LevelController::*late)()) {
  int level = 0;
  for (int i = 0; i < chunks; ++i) {
    level = controller.NextLevel();
    (controller.*late)();
  }
  return level;
}

TEST(LevelController, RisesWhileTheWriterIsLateAndFallsWhileChunksAre) {
  LevelController controller(CompressionLevels::Automatic());
  EXPECT_EQ(After(controller, 16, &LevelController::OnWriterIsLate), 1);
  EXPECT_EQ(After(controller, 16, &LevelController::OnWriterIsLate), 2);
  EXPECT_EQ(After(controller, 1000, &LevelController::OnWriterIsLate), kHighestAutomaticLevel);
  EXPECT_EQ(After(controller, 1000, &LevelController::OnChunkIsLate), 1);
}

TEST(LevelController, StaysWhereNobodyWaits) {
  LevelController controller(CompressionLevels::Automatic());
  After(controller, 33, &LevelController::OnWriterIsLate);
  const int level = controller.NextLevel();
  EXPECT_EQ(level, 3);
  // The rest of this interval, and more.
  for (int i = 0; i < 14; ++i) controller.NextLevel();
  controller.OnChunkIsLate();
  controller.OnWriterIsLate();
  EXPECT_EQ(LevelController(CompressionLevels::Automatic()).NextLevel(), 1);
}

TEST(LevelController, OneLevelIsOneLevel) {
  LevelController controller(5);
  EXPECT_EQ(After(controller, 100, &LevelController::OnWriterIsLate), 5);
  EXPECT_EQ(After(controller, 100, &LevelController::OnChunkIsLate), 5);
  EXPECT_EQ(controller.Used(), "5:200");
}

TEST(CompressionLevels, AutoOrANumber) {
  EXPECT_EQ(ParseCompressionLevels("auto").value(), CompressionLevels::Automatic());
  EXPECT_EQ(ParseCompressionLevels("19").value(), CompressionLevels(19));
  for (const char* text : {"0", "20", "", "Auto", "1x"}) EXPECT_FALSE(ParseCompressionLevels(text).ok()) << text;
  EXPECT_STREQ(ParseCompressionLevels("20").error().text(),
               "compression level 20 is neither auto nor a number from 1 to 19");
}

}  // namespace
}  // namespace crashdump
