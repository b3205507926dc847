// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/test_outcome.h"

#include "common/base/parse.h"

namespace crashdump {

const ListedDump* DumpOf(const TestCrash& test, const std::vector<ListedDump>& dumps) {
  const std::string key_id = ToHex(test.key_id);
  for (const ListedDump& dump : dumps) {
    if (dump.info.ok() && dump.info.value().key_id == key_id) return &dump;
  }
  return nullptr;
}

namespace {

// What is missing of a recovered dump; empty if it is complete.
std::string MissingPart(const DumpInfo& info) {
  if (info.state != "complete") return info.state + (info.reason.empty() ? "" : ", " + info.reason);
  if (info.read_error) return "the disk could not be read to its end";
  switch (info.vmcore) {
    case VmcoreFile::kPresent:
      return "";
    case VmcoreFile::kPending:
      return info.vmcore_error.empty() ? "its memory waits for room" : info.vmcore_error;
    case VmcoreFile::kNone:
      break;
  }
  return "messages only";
}

}  // namespace

Result<TestResult> ResultOf(const TestCrash& test, std::string_view boot_id, const KeyStore& keys,
                            const std::vector<ListedDump>& dumps) {
  const std::string which = "the crash for a test of " + FormatUtc(test.time);
  if (test.boot_id == boot_id) {
    return TestResult{TestOutcome::kNotCrashed, which + ": the kernel did not crash, or it is about to", ""};
  }
  if (const ListedDump* const dump = DumpOf(test, dumps)) {
    const std::string missing = MissingPart(dump->info.value());
    if (missing.empty()) return TestResult{TestOutcome::kSaved, which + " was saved: " + dump->name, dump->name};
    return TestResult{TestOutcome::kIncomplete, which + " was saved in part: " + dump->name + " (" + missing + ")",
                      dump->name};
  }
  if (!test.dump.empty()) {
    return TestResult{TestOutcome::kSaved, which + " was saved; its dump is not in /var/crash any more", ""};
  }
  if (TRY(keys.Find(test.key_id))) {
    return TestResult{TestOutcome::kWaiting, which + ": no dump is recovered yet: run `crashdump recover`", ""};
  }
  return TestResult{TestOutcome::kLost,
                    which +
                        " was not saved: look at the console during the next one, and try a larger crashkernel= on "
                        "the kernel command line",
                    ""};
}

Result<> RememberDumpOfTest(StateDirectory& remembered, const std::vector<ListedDump>& dumps) {
  std::optional<TestCrash> test = TRY(ReadTestCrash(remembered));
  if (!test || !test->dump.empty()) return {};
  const ListedDump* const dump = DumpOf(*test, dumps);
  if (dump == nullptr) return {};
  test->dump = dump->name;
  return WriteTestCrash(remembered, *test);
}

const char* NameOf(TestOutcome outcome) {
  switch (outcome) {
    case TestOutcome::kNotCrashed:
      return "not crashed";
    case TestOutcome::kSaved:
      return "saved";
    case TestOutcome::kIncomplete:
      return "incomplete";
    case TestOutcome::kWaiting:
      return "waiting";
    case TestOutcome::kLost:
      break;
  }
  return "lost";
}

}  // namespace crashdump
