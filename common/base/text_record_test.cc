// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/base/text_record.h"

#include <gtest/gtest.h>

#include <array>

namespace crashdump {
namespace {

TEST(TextRecordTest, ReadsWhatItWrites) {
  TextRecord record;
  record.Add("name", "a value = with more");
  record.AddNumber("size", 42);
  record.AddHex("id", std::array<uint8_t, 2>{0xab, 0x01});
  record.Add("name", "again");
  const TextRecord read = TextRecord::Parse(record.ToString()).TakeValue();
  EXPECT_EQ(read.Text("name").value(), "a value = with more");
  EXPECT_EQ(read.FindAll("name").size(), 2U);
  EXPECT_EQ(read.Number("size").value(), 42U);
  std::array<uint8_t, 2> id{};
  ASSERT_TRUE(read.Hex("id", id).ok());
  EXPECT_EQ(id[0], 0xab);
}

TEST(TextRecordTest, SkipsCommentsAndBlankLines) {
  const TextRecord record = TextRecord::Parse("# comment=1\n\n  key = value \nlast=x").TakeValue();
  EXPECT_EQ(record.lines().size(), 2U);
  EXPECT_EQ(record.Text("key").value(), "value");
  EXPECT_EQ(record.Text("last").value(), "x");
}

TEST(TextRecordTest, SaysWhatIsWrong) {
  EXPECT_STREQ(TextRecord::Parse("a=1\nnonsense\n").error().text(), "line 2 is not of the form key=value");
  EXPECT_FALSE(TextRecord::Parse("=1").ok());
  EXPECT_FALSE(TextRecord::Parse(std::string_view("a=\0b", 4)).ok());
  const TextRecord record = TextRecord::Parse("a=x\n").TakeValue();
  EXPECT_STREQ(record.Number("a").error().text(), "\"a\": \"x\" is not a number");
  EXPECT_STREQ(record.Text("b").error().text(), "no value for \"b\"");
  EXPECT_EQ(record.Text("b").error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace crashdump
