// SPDX-License-Identifier: GPL-2.0-or-later
// JSON as other programs read it.
#include "common/base/json_writer.h"

#include <gtest/gtest.h>

#include <vector>

namespace crashdump {
namespace {

TEST(JsonWriter, HidesWhatIsNotAscii) {
  EXPECT_EQ(QuoteJson("a \"b\" \\"), "\"a \\\"b\\\" \\\\\"");
  EXPECT_EQ(QuoteJson("\x1b[2J\n\xff"), "\"\\u001b[2J\\u000a\\u00ff\"");
}

TEST(JsonWriter, OneMemberALine) {
  JsonObject object;
  object.AddBool("armed", true);
  object.AddNumber("bytes", UINT64_MAX);
  object.AddTexts("none", {});
  object.AddTexts("two", std::vector<std::string>{"a", "b"});
  object.AddLines("lines", "x=1\n\ny=2\n");
  EXPECT_EQ(object.Finish(),
            "{\n  \"armed\": true,\n  \"bytes\": 18446744073709551615,\n  \"none\": [],\n"
            "  \"two\": [\"a\", \"b\"],\n  \"lines\": [\"x=1\", \"\", \"y=2\"]\n}\n");
}

}  // namespace
}  // namespace crashdump
