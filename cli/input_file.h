// SPDX-License-Identifier: GPL-2.0-or-later
// What kind of file a user gives us: told by its first bytes, never by its name.
#pragma once

#include <cstdint>

#include "common/base/result.h"

namespace crashdump {

enum class InputKind : uint8_t {
  kDump,    // of `crashdump save`
  kVmcore,  // an ELF file; whether it is a vmcore shows when it is opened
};

// kUnsupported for a file that is neither, naming what it is where that is known. Errors do not name the path.
Result<InputKind> DetectInput(const char* path);

}  // namespace crashdump
