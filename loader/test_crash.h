// SPDX-License-Identifier: GPL-2.0-or-later
// A crash that was asked for, to see whether it is saved: what has to be remembered over it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/base/state_directory.h"
#include "common/format/dump_format.h"

namespace crashdump {

struct TestCrash {
  std::string boot_id;  // in which it was asked for
  DumpId key_id{};      // of the image that was loaded then
  uint64_t time = 0;    // seconds since 1970
  std::string dump;     // the name under which it was recovered; empty: it was not, yet

  bool operator==(const TestCrash&) const = default;
};

// The last one; nothing if there was none. `remembered` is that of StateDirectories.
Result<std::optional<TestCrash>> ReadTestCrash(const StateDirectory& remembered);

// On stable storage when it returns.
Result<> WriteTestCrash(StateDirectory& remembered, const TestCrash& test);
Result<> RemoveTestCrash(StateDirectory& remembered);

}  // namespace crashdump
