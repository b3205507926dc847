// SPDX-License-Identifier: GPL-2.0-or-later
// What the code says is read with an independent reader in qemu-tests/test_screen.py, off the screens that have room
// for it.
#include "capture/screen/qr_code.h"

#include <gtest/gtest.h>

namespace crashdump {
namespace {

constexpr unsigned kMargin = 4;

// Version V has 17 + 4 V modules per side.
constexpr unsigned ModulesOf(unsigned version) { return 17 + 4 * version + 2 * kMargin; }

TEST(QrCode, TakesAsManyLinesAsHaveRoom) {
  const std::vector<std::string> lines = {std::string(30, 'a'), std::string(30, 'b'), std::string(30, 'c')};
  // Bytes that versions hold at the lowest level of correction: 2: 32, 3: 53, 4: 78, 5: 106.
  EXPECT_EQ(QrCode::Encode(lines, 177).modules(), ModulesOf(5));
  EXPECT_EQ(QrCode::Encode(lines, ModulesOf(5)).modules(), ModulesOf(5));
  EXPECT_EQ(QrCode::Encode(lines, ModulesOf(5) - 1).modules(), ModulesOf(4));
  EXPECT_EQ(QrCode::Encode(lines, ModulesOf(4) - 1).modules(), ModulesOf(2));
  EXPECT_EQ(QrCode::Encode(lines, ModulesOf(2) - 1).modules(), 0U);
  EXPECT_EQ(QrCode::Encode(lines, 0).modules(), 0U);
  EXPECT_EQ(QrCode::Encode({}, 177).modules(), 0U);
}

TEST(QrCode, IsNeverLargerThanAPhoneCanRead) {
  std::vector<std::string> lines;
  lines.reserve(201);
  for (int i = 0; i < 200; ++i) lines.push_back("function_" + std::to_string(i) + "+0x1/0x2");
  EXPECT_EQ(QrCode::Encode(lines, 1000).modules(), ModulesOf(20));
  lines.insert(lines.begin(), std::string(5000, 'x'));
  EXPECT_EQ(QrCode::Encode(lines, 1000).modules(), 0U);
}

TEST(QrCode, HasItsMarginAndThreeCorners) {
  const QrCode code = QrCode::Encode({"Kernel panic - not syncing: x"}, 177);
  const unsigned modules = code.modules();
  ASSERT_EQ(modules, ModulesOf(2));
  for (unsigned i = 0; i < modules; ++i) {
    for (unsigned outer = 0; outer < kMargin; ++outer) {
      EXPECT_FALSE(code.IsDark(i, outer) || code.IsDark(outer, i));
      EXPECT_FALSE(code.IsDark(i, modules - 1 - outer) || code.IsDark(modules - 1 - outer, i));
    }
  }
  // A finder pattern: a dark ring of seven modules, a light one, three dark ones within.
  const auto is_finder = [&](unsigned column, unsigned row) {
    for (unsigned x = 0; x < 7; ++x) {
      for (unsigned y = 0; y < 7; ++y) {
        const bool ring = x == 0 || x == 6 || y == 0 || y == 6;
        const bool middle = x >= 2 && x <= 4 && y >= 2 && y <= 4;
        if (code.IsDark(column + x, row + y) != (ring || middle)) return false;
      }
    }
    return true;
  };
  const unsigned far = modules - kMargin - 7;
  EXPECT_TRUE(is_finder(kMargin, kMargin));
  EXPECT_TRUE(is_finder(far, kMargin));
  EXPECT_TRUE(is_finder(kMargin, far));
  EXPECT_FALSE(is_finder(far, far));
}

TEST(QrCode, OutsideOfItEverythingIsLight) {
  const QrCode code = QrCode::Encode({"x"}, 177);
  EXPECT_FALSE(code.IsDark(1000, 5));
  EXPECT_FALSE(code.IsDark(5, code.modules()));
  EXPECT_FALSE(QrCode().IsDark(0, 0));
  EXPECT_FALSE(QrCode().IsDark(5, 5));
}

}  // namespace
}  // namespace crashdump
