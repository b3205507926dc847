// SPDX-License-Identifier: GPL-2.0-or-later
// The messages of the kernel that crashed for others than the dump: the person at the capture kernel's shell, and
// pstore. What a terminal would act upon is escaped.
#pragma once

#include <cstdint>

#include "common/base/result.h"
#include "common/base/units.h"

namespace crashdump {

// Writes them to a new file at `output`; there is no file if that fails.
Result<> ExtractMessages(const char* vmcore_path, const char* output);

// As much as the kernel hands to pstore at a panic or reboot, less some for what it logs itself until then
// (CONFIG_PSTORE_DEFAULT_KMSG_BYTES is 10240, fs/pstore/Kconfig, Linux 6.1).
inline constexpr uint64_t kReplayedBytes = 8 * kKiB;

// Has this kernel say the newest of them again, up to kReplayedBytes, oldest first, a record for each line, on `log`
// (/dev/kmsg): for what keeps the messages of the kernel that runs. They are not for consoles.
Result<> ReplayMessages(const char* vmcore_path, const char* log);

}  // namespace crashdump
