// SPDX-License-Identifier: GPL-2.0-or-later
// The messages of the kernel that crashed as a file, for the person at the capture kernel's shell.
#pragma once

#include "common/base/result.h"

namespace crashdump {

// Writes the messages in the vmcore to a new file at `output`, safe for a terminal; there is no file if that fails.
Result<> ExtractMessages(const char* vmcore_path, const char* output);

}  // namespace crashdump
