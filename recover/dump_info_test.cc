// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/dump_info.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace crashdump {
namespace {

DumpInfo Sample() {
  return {.attempt_id = "00112233445566778899aabbccddeeff",
          .release = "6.1.0-test",
          .machine = "x86_64",
          .crash_time = 1700000000,
          .state = "torn",
          .reason = "chunk 4 at 81920: the tag is wrong",
          .read_error = true,
          .vmcore = VmcoreFile::kPending,
          .vmcore_bytes = 0,
          .messages_bytes = 4711,
          .data_pages = 3,
          .zero_pages = 4,
          .unreadable_pages = 5,
          .page_bytes = 4096,
          .machine_facts = "release=6.1.0-test\nload=1000,2000,2000,0\nload=8000,1000,1000,0\n",
          .summary = "vm_hwm_kib=3548\n"};
}

void ExpectSame(const DumpInfo& got, const DumpInfo& wanted) {
  EXPECT_EQ(got.attempt_id, wanted.attempt_id);
  EXPECT_EQ(got.release, wanted.release);
  EXPECT_EQ(got.machine, wanted.machine);
  EXPECT_EQ(got.crash_time, wanted.crash_time);
  EXPECT_EQ(got.state, wanted.state);
  EXPECT_EQ(got.reason, wanted.reason);
  EXPECT_EQ(got.read_error, wanted.read_error);
  EXPECT_EQ(got.vmcore, wanted.vmcore);
  EXPECT_EQ(got.vmcore_bytes, wanted.vmcore_bytes);
  EXPECT_EQ(got.messages_bytes, wanted.messages_bytes);
  EXPECT_EQ(got.data_pages, wanted.data_pages);
  EXPECT_EQ(got.zero_pages, wanted.zero_pages);
  EXPECT_EQ(got.unreadable_pages, wanted.unreadable_pages);
  EXPECT_EQ(got.page_bytes, wanted.page_bytes);
}

TEST(DumpInfo, ReadsBackWhatItWrote) {
  for (const VmcoreFile vmcore : {VmcoreFile::kPresent, VmcoreFile::kPending, VmcoreFile::kNone}) {
    DumpInfo info = Sample();
    info.vmcore = vmcore;
    info.vmcore_bytes = UINT64_MAX;
    const Result<DumpInfo> parsed = DumpInfo::Parse(info.ToJson());
    ASSERT_TRUE(parsed.ok()) << parsed.error().text();
    ExpectSame(parsed.value(), info);
  }
}

TEST(DumpInfo, IsJsonWithOneMemberALine) {
  const std::string json = Sample().ToJson();
  EXPECT_TRUE(json.starts_with("{\n  \"format\": 1,\n  \"attempt_id\": \"00112233445566778899aabbccddeeff\",\n"))
      << json;
  EXPECT_NE(json.find("\n  \"crash_time_utc\": \"2023-11-14T22:13:20Z\",\n"), std::string::npos) << json;
  EXPECT_NE(json.find("\n  \"machine_facts\": [\"release=6.1.0-test\", \"load=1000,2000,2000,0\", "
                      "\"load=8000,1000,1000,0\"],\n"),
            std::string::npos)
      << json;
  EXPECT_TRUE(json.ends_with("\n  \"capture\": [\"vm_hwm_kib=3548\"]\n}\n")) << json;
}

TEST(DumpInfo, TextOfACrashedKernelStaysInItsPlace) {
  DumpInfo info = Sample();
  for (int byte = 1; byte < 256; ++byte) info.release += static_cast<char>(byte);
  info.reason = "\",\n  \"state\": \"complete\",\n  \"vmcore\": \"present";
  info.machine_facts = "release=\"],\n  \"capture\": [\"\n";
  const std::string json = info.ToJson();
  EXPECT_TRUE(std::all_of(json.begin(), json.end(), [](char c) { return c == '\n' || (c >= ' ' && c < 0x7f); }));
  EXPECT_NE(json.find(R"("reason": "\",\u000a  \"state\": \"complete\",)"), std::string::npos) << json;
  const Result<DumpInfo> parsed = DumpInfo::Parse(json);
  ASSERT_TRUE(parsed.ok()) << parsed.error().text();
  ExpectSame(parsed.value(), info);
}

TEST(DumpInfo, RefusesWhatItDidNotWrite) {
  const std::string json = Sample().ToJson();
  const auto without = [&](const std::string& from, const std::string& to) {
    std::string changed = json;
    const size_t place = changed.find(from);
    EXPECT_NE(place, std::string::npos) << from;
    return changed.replace(place, from.size(), to);
  };
  for (const std::string& bad :
       {std::string(), std::string("{}"), json.substr(0, json.size() / 2), without("\"pending\"", "\"perhaps\""),
        without("\"data_pages\": 3", "\"data_pages\": -3"), without("\"data_pages\": 3", "\"data_pages\": 3x"),
        without("\"attempt_id\"", "\"id\""), without("\"x86_64\"", "\"x86\\n64\""),
        without("\"x86_64\"", "\"x86\\u00zz\""), without("\"x86_64\"", "x86_64")}) {
    const Result<DumpInfo> parsed = DumpInfo::Parse(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_NE(std::string(parsed.error().text()).find("info.json"), std::string::npos) << parsed.error().text();
  }
}

TEST(DumpInfo, AnUnknownTimeIsNoDate) {
  DumpInfo info = Sample();
  info.crash_time = 0;
  EXPECT_NE(info.ToJson().find("\"crash_time_utc\": \"\""), std::string::npos);
}

}  // namespace
}  // namespace crashdump
