// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/progress_display.h"

#include <gtest/gtest.h>

#include "common/base/units.h"

namespace crashdump {
namespace {

// The line on a console.
std::string Line(ProgressDisplay& display, const Progress& progress, uint64_t now_ms) {
  const std::optional<ProgressText> text = display.Update(progress, now_ms);
  return text ? std::to_string(text->percent) + " %, " + text->details : "";
}

TEST(ProgressDisplayTest, OneLinePerInterval) {
  ProgressDisplay display(1000);
  EXPECT_EQ(Line(display, {.done = kMiB, .total = kGiB, .written = 0}, 1000), "");
  EXPECT_EQ(Line(display, {.done = kMiB, .total = kGiB, .written = 0}, 2999), "");
  EXPECT_NE(Line(display, {.done = kMiB, .total = kGiB, .written = 0}, 3000), "");
  EXPECT_EQ(Line(display, {.done = kMiB, .total = kGiB, .written = 0}, 4999), "");
  EXPECT_NE(Line(display, {.done = kMiB, .total = kGiB, .written = 0}, 5000), "");
}

TEST(ProgressDisplayTest, ShowsPercentRateAndTimeLeft) {
  ProgressDisplay display(0);
  EXPECT_EQ(Line(display, {.done = 400 * kMiB, .total = 4000 * kMiB, .written = 17 * kMiB}, 2000),
            "10 %, 400 MiB of 3.9 GiB, 200 MiB/s, 0:18 left, 17.0 MiB written");
}

TEST(ProgressDisplayTest, TheRateIsSmoothed) {
  ProgressDisplay display(0);
  (void)Line(display, {.done = 400 * kMiB, .total = 4000 * kMiB, .written = 0}, 2000);
  // 200 MiB/s before, 600 MiB/s since: three quarters of the one and one of the other.
  EXPECT_NE(
      Line(display, {.done = 1600 * kMiB, .total = 4000 * kMiB, .written = 0}, 4000).find(", 300 MiB/s, 0:08 left"),
      std::string::npos);
}

TEST(ProgressDisplayTest, NoRateNoTime) {
  ProgressDisplay display(0);
  EXPECT_NE(Line(display, {.done = 0, .total = kGiB, .written = 0}, 2000).find("0 MiB/s, -:-- left"),
            std::string::npos);
}

TEST(ProgressDisplayTest, StrangeNumbersDoNoHarm) {
  ProgressDisplay display(0);
  EXPECT_TRUE(Line(display, {.done = 0, .total = 0, .written = 0}, 2000).starts_with("100 %"));
  EXPECT_TRUE(Line(display, {.done = UINT64_MAX, .total = 1, .written = 0}, 4000).starts_with("100 %"));
  EXPECT_TRUE(Line(display, {.done = UINT64_MAX / 2, .total = UINT64_MAX, .written = 0}, 6000).starts_with("50 %"));
  EXPECT_TRUE(Line(display, {.done = 1, .total = UINT64_MAX, .written = UINT64_MAX}, 9000).starts_with("0 %"));
  // Never 100 % before the end.
  EXPECT_TRUE(Line(display, {.done = 9999, .total = 10000, .written = 0}, 12000).starts_with("99 %"));
}

TEST(ProgressDisplayTest, Durations) {
  EXPECT_EQ(FormatDuration(0), "0:00");
  EXPECT_EQ(FormatDuration(65), "1:05");
  EXPECT_EQ(FormatDuration(3599), "59:59");
  EXPECT_EQ(FormatDuration(7209), "2:00:09");
  EXPECT_EQ(FormatDuration(UINT64_MAX), "5124095576030431:00:15");
}

TEST(LineLimiterTest, ABurstThenOnePerInterval) {
  LineLimiter limiter;
  for (uint32_t i = 0; i < LineLimiter::kBurst; ++i) EXPECT_TRUE(limiter.Allow(1000));
  EXPECT_FALSE(limiter.Allow(1000));
  EXPECT_FALSE(limiter.Allow(2999));
  EXPECT_TRUE(limiter.Allow(3000));
  EXPECT_FALSE(limiter.Allow(3001));
  EXPECT_EQ(limiter.TakeDropped(), 3U);
  EXPECT_EQ(limiter.TakeDropped(), 0U);
}

}  // namespace
}  // namespace crashdump
