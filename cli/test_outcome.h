// SPDX-License-Identifier: GPL-2.0-or-later
// What has become of a crash for a test (`crashdump test --crash`).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/format/key_store.h"
#include "loader/test_crash.h"
#include "recover/dump_list.h"

namespace crashdump {

enum class TestOutcome : uint8_t {
  kNotCrashed,  // the kernel is the one that was to crash
  kSaved,       // recovered, and complete
  kIncomplete,  // recovered, and not all of it is there
  kWaiting,     // not recovered yet
  kLost,        // the machine came back, and there is no dump
};

struct TestResult {
  TestOutcome outcome;
  std::string text;  // for people, one line without its end
  std::string dump;  // of kSaved and kIncomplete: its name, unless it is gone
};

// The recovered dump of this test; nullptr if there is none. Points into `dumps`.
const ListedDump* DumpOf(const TestCrash& test, const std::vector<ListedDump>& dumps);

// `boot_id` is the running boot's. The key's record tells whether a dump may still come.
Result<TestResult> ResultOf(const TestCrash& test, std::string_view boot_id, const KeyStore& keys,
                            const std::vector<ListedDump>& dumps);

// Writes into the record of the last test under which name it was recovered, if it was: the dump may be removed later.
// The caller holds the lock that `test` takes, too.
Result<> RememberDumpOfTest(StateDirectory& remembered, const std::vector<ListedDump>& dumps);

// The JSON name of an outcome: "saved".
const char* NameOf(TestOutcome outcome);

}  // namespace crashdump
