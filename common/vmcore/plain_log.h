// SPDX-License-Identifier: GPL-2.0-or-later
// The log of Linux before 3.5: a ring of text. The kernel itself has put a level ("<6>") in front of each line, and
// the time if it was told to (printk.time).
#pragma once

#include "common/base/result.h"
#include "common/vmcore/kernel_memory.h"
#include "common/vmcore/log_records.h"

namespace crashdump {

// Each line is a record without a stamp; the first may lack its beginning and the last its newline. A line of more than
// 64 KiB is handed out in pieces. Each page of memory that cannot be read counts as one damaged record.
// Reads up to SYMBOL(log_end), which counts all bytes ever logged. Not from SYMBOL(logged_chars): what `dmesg --clear`
// hides is a part of the log. Errors as PanicMessages::Open. `memory` must outlive the records.
Result<LogRecords> OpenPlainLog(const KernelMemory& memory);

}  // namespace crashdump
