// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/test_crash.h"

#include "common/base/text_record.h"

namespace crashdump {
namespace {

constexpr const char* kName = "test-crash";
constexpr std::string_view kBootId = "boot-id";
constexpr std::string_view kKeyId = "key-id";
constexpr std::string_view kTime = "time";
constexpr std::string_view kDump = "dump";

Result<TestCrash> Parse(std::string_view text) {
  const TextRecord record = TRY(TextRecord::Parse(text));
  TestCrash test;
  test.boot_id = TRY(record.Text(kBootId));
  TRY(record.Hex(kKeyId, test.key_id));
  test.time = TRY(record.Number(kTime));
  test.dump = record.Find(kDump).value_or("");
  return test;
}

}  // namespace

Result<std::optional<TestCrash>> ReadTestCrash(const StateDirectory& remembered) {
  const std::optional<std::string> text = TRY(remembered.Read(kName), "record of the last test");
  if (!text) return std::optional<TestCrash>();
  return std::optional<TestCrash>(TRY(Parse(*text), "record of the last test"));
}

Result<> WriteTestCrash(StateDirectory& remembered, const TestCrash& test) {
  TextRecord record;
  record.Add(kBootId, test.boot_id);
  record.AddHex(kKeyId, test.key_id);
  record.AddNumber(kTime, test.time);
  if (!test.dump.empty()) record.Add(kDump, test.dump);
  TRY(remembered.Replace(kName, record.ToString()), "record of the test");
  return {};
}

Result<> RemoveTestCrash(StateDirectory& remembered) { return remembered.Remove(kName); }

}  // namespace crashdump
