// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>

namespace crashdump {
namespace {

Result<int> Half(int value) {
  if (value % 2 != 0) return Error::Format(ErrorCode::kInvalidArgument, "%d is odd", value);
  return value / 2;
}

Result<int> Quarter(int value) {
  const int half = TRY(Half(value), "half of %d", value);
  return TRY(Half(half));
}

Result<> CheckEven(int value) {
  (void)TRY(Half(value), "check");
  return {};
}

TEST(ResultTest, CarriesValuesThroughTry) { EXPECT_EQ(Quarter(12).value(), 3); }

TEST(ResultTest, ErrorGrowsOutward) {
  const Result<int> result = Quarter(7);
  ASSERT_FALSE(result.ok());
  EXPECT_STREQ(result.error().text(), "half of 7: 7 is odd");
  EXPECT_EQ(result.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_STREQ(CheckEven(3).error().text(), "check: 3 is odd");
  EXPECT_TRUE(CheckEven(4).ok());
}

TEST(ResultTest, WithoutContextTheTextStaysAsItIs) { EXPECT_STREQ(Quarter(6).error().text(), "3 is odd"); }

TEST(ResultTest, MovesWhatCannotBeCopied) {
  auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(5); };
  auto pass = [&]() -> Result<std::unique_ptr<int>> {
    std::unique_ptr<int> owned = TRY(make());
    return owned;
  };
  EXPECT_EQ(*pass().value(), 5);
}

TEST(ErrorTest, SystemErrorSaysWhy) {
  const Error error = Error::Os(ENOENT, "open %s", "/x");
  EXPECT_STREQ(error.text(), "open /x: No such file or directory");
  EXPECT_EQ(error.os_error(), ENOENT);
}

TEST(ErrorTest, LongTextIsCutOffNotOverrun) {
  const std::string text(1000, 'x');
  const Error error = Error::Format(ErrorCode::kCorrupt, "%s", text.c_str()).Prefixed("front");
  EXPECT_EQ(std::string(error.text()).size(), Error::kTextBytes - 1);
  EXPECT_EQ(std::string(error.text()).substr(0, 8), "front: x");
}

TEST(ResultDeathTest, WrongSideAborts) {
  const Result<int> good = 1;
  const Result<int> bad = Error::Format(ErrorCode::kCorrupt, "no");
  EXPECT_DEATH((void)good.error(), "");
  EXPECT_DEATH((void)bad.value(), "");
}

}  // namespace
}  // namespace crashdump
