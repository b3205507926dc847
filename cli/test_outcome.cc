// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/test_outcome.h"

#include "common/base/parse.h"

namespace crashdump {

std::string DumpOf(const TestCrash& test, const std::vector<ListedDump>& dumps) {
  const std::string key_id = ToHex(test.key_id);
  for (const ListedDump& dump : dumps) {
    if (dump.info.ok() && dump.info.value().key_id == key_id) return dump.name;
  }
  return "";
}

Result<TestResult> ResultOf(const TestCrash& test, std::string_view boot_id, const KeyStore& keys,
                            const std::vector<ListedDump>& dumps) {
  const std::string which = "the crash for a test of " + FormatUtc(test.time);
  if (test.boot_id == boot_id) {
    return TestResult{TestOutcome::kNotCrashed, which + ": the kernel did not crash, or it is about to", ""};
  }
  const std::string dump = DumpOf(test, dumps);
  if (!dump.empty()) return TestResult{TestOutcome::kSaved, which + " was saved: " + dump, dump};
  if (!test.dump.empty()) return TestResult{TestOutcome::kSaved, which + " was saved; its dump was removed since", ""};
  if (TRY(keys.Find(test.key_id))) {
    return TestResult{TestOutcome::kWaiting, which + ": no dump is recovered yet: run `crashdump recover`", ""};
  }
  return TestResult{TestOutcome::kLost,
                    which +
                        " was not saved: look at the console during the next one, and try a larger "
                        "crashkernel= on the kernel command line",
                    ""};
}

Result<> RememberDumpOfTest(StateDirectory& remembered, const std::vector<ListedDump>& dumps) {
  std::optional<TestCrash> test = TRY(ReadTestCrash(remembered));
  if (!test || !test->dump.empty()) return {};
  test->dump = DumpOf(*test, dumps);
  if (test->dump.empty()) return {};
  return WriteTestCrash(remembered, *test);
}

const char* NameOf(TestOutcome outcome) {
  switch (outcome) {
    case TestOutcome::kNotCrashed:
      return "not crashed";
    case TestOutcome::kSaved:
      return "saved";
    case TestOutcome::kWaiting:
      return "waiting";
    case TestOutcome::kLost:
      break;
  }
  return "lost";
}

}  // namespace crashdump
