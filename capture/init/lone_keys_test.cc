// SPDX-License-Identifier: GPL-2.0-or-later
// Which keys count, with a clock that the test moves.
#include "capture/init/lone_keys.h"

#include <gtest/gtest.h>

#include <string_view>

namespace crashdump {
namespace {

constexpr uint64_t kBegin = 1000;
constexpr uint64_t kLater = kBegin + 10'000;

class LoneKeysTest : public ::testing::Test {
 protected:
  void Type(std::string_view text, uint64_t now_ms, uint64_t apart_ms = 0, const char* terminal = "/dev/ttyS0") {
    for (const char c : text) {
      keys_.OnKey({.value = c, .terminal = terminal}, now_ms);
      now_ms += apart_ms;
    }
  }
  // 0: none.
  char Take(uint64_t now_ms) {
    const std::optional<Key> key = keys_.Take(now_ms);
    return key ? key->value : '\0';
  }

  LoneKeys keys_{kBegin};
};

TEST_F(LoneKeysTest, OneThatStandsAloneCountsOnce) {
  EXPECT_EQ(keys_.WakeAt(), kNever);
  Type("y", kLater);
  EXPECT_EQ(keys_.WakeAt(), kLater + LoneKeys::kApartMs);
  EXPECT_EQ(Take(kLater + LoneKeys::kApartMs - 1), '\0');
  EXPECT_EQ(Take(kLater + LoneKeys::kApartMs), 'y');
  EXPECT_EQ(Take(kLater + 1000), '\0');
  Type("n", kLater + 2000);
  EXPECT_EQ(Take(kLater + 3000), 'n');
}

TEST_F(LoneKeysTest, ALineThatEchoesSaysNothing) {
  Type("crashdump: write to this target? y: yes, n: no\r\n", kLater, 1);
  EXPECT_EQ(Take(kLater + 5000), '\0');
  Type("y", kLater + 6000);
  EXPECT_EQ(Take(kLater + 7000), 'y');
}

TEST_F(LoneKeysTest, NorDoesASequence) {
  Type("\x1bn", kLater, 2);
  EXPECT_EQ(Take(kLater + 1000), '\0');
  Type("\x1bOy", kLater + 2000, 2);
  EXPECT_EQ(Take(kLater + 3000), '\0');
}

TEST_F(LoneKeysTest, OneThatIsHeldDownCountsOnce) {
  Type(" ", kLater);
  EXPECT_EQ(Take(kLater + 249), ' ');
  Type("          ", kLater + 250, 33);
  // The first of the repetitions follows a key that was taken long ago; it does not stand alone for long.
  EXPECT_EQ(Take(kLater + 580), '\0');
  EXPECT_EQ(Take(kLater + 5000), '\0');
}

TEST_F(LoneKeysTest, NorIfItIsRepeatedOnce) {
  Type(" ", kLater);
  EXPECT_EQ(Take(kLater + 200), ' ');
  Type(" ", kLater + 250);
  EXPECT_EQ(Take(kLater + 5000), '\0');
  Type(" ", kLater + 6000);
  EXPECT_EQ(Take(kLater + 7000), ' ');
}

TEST_F(LoneKeysTest, NoiseOnOneLineDoesNotDrownWhatIsTypedAtAnother) {
  for (uint64_t i = 0; i < 20; ++i) Type("~", kLater + 50 * i, 0, "/dev/ttyS1");
  Type("n", kLater + 500);
  for (uint64_t i = 20; i < 40; ++i) Type("~", kLater + 50 * i, 0, "/dev/ttyS1");
  EXPECT_EQ(Take(kLater + 1960), 'n');
  EXPECT_EQ(Take(kLater + 9000), '\0');
}

TEST_F(LoneKeysTest, EnterMayBeTwoCharacters) {
  Type("\r\n", kLater, 1);
  EXPECT_EQ(Take(kLater + 1000), '\r');
  Type({"\r\0", 2}, kLater + 1500, 1);
  EXPECT_EQ(Take(kLater + 1900), '\r');
  Type("\n\r", kLater + 2000, 1);
  EXPECT_EQ(Take(kLater + 3000), '\0');
}

TEST_F(LoneKeysTest, WhatComesTooEarlyIsNoAnswer) {
  Type("y", kBegin + LoneKeys::kTooEarlyMs - 1);
  EXPECT_EQ(Take(kLater), '\0');
}

}  // namespace
}  // namespace crashdump
