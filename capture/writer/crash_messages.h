// SPDX-License-Identifier: GPL-2.0-or-later
// The messages of the kernel that crashed for others than the dump: the person at the capture kernel's shell or its
// screen, and pstore. What a terminal would act upon is escaped.
#pragma once

#include <cstdint>

#include "capture/writer/status_reporter.h"
#include "common/base/result.h"
#include "common/base/units.h"

namespace crashdump {

// Writes them to a new file at `output`; there is no file if that fails.
Result<> ExtractMessages(const char* vmcore_path, const char* output);

// As many lines of the last ones as fit on a screen of 80x50 with room for the rest.
inline constexpr size_t kShownMessages = 40;

// Sends the last of them to init, as a capture that is refused does.
Result<> ShowMessages(const char* vmcore_path, const StatusReporter& status);

// The kernel hands 10240 bytes to pstore (CONFIG_PSTORE_DEFAULT_KMSG_BYTES, fs/pstore/Kconfig, Linux 6.1), of which a
// prefix of 28 takes a third from lines of the usual length, and what it logs as it reboots takes some as well.
inline constexpr uint64_t kReplayedBytes = 6 * kKiB;

// Has this kernel say the newest of them again, up to kReplayedBytes, oldest first, a record for each line, on `log`
// (/dev/kmsg): for what keeps the messages of the kernel that runs. They are not for consoles.
Result<> ReplayMessages(const char* vmcore_path, const char* log);

}  // namespace crashdump
