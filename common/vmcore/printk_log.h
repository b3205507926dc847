// SPDX-License-Identifier: GPL-2.0-or-later
// The record buffer of Linux 3.5 (7ff9554bb578) to 5.9: records of varying length, one behind the other, each a header
// (struct printk_log; struct log before Linux 3.11, 62e32ac3505a), the text, a dictionary that this reader leaves out,
// and padding. A header of length 0 says that the next record stands at the buffer's beginning.
#pragma once

#include "common/base/result.h"
#include "common/vmcore/kernel_memory.h"
#include "common/vmcore/log_records.h"

namespace crashdump {

// Reads from SYMBOL(log_first_idx), the oldest record, to SYMBOL(log_next_idx). Not from SYMBOL(clear_idx): what
// `dmesg --clear` hides is a part of the log. A line that several calls of printk made may be several records; here
// each is a line, as for makedumpfile. Errors as PanicMessages::Open. `memory` must outlive the records. Where a length
// makes no sense or a header cannot be read, a walk ends, with one damaged record: nothing but the lengths tells where
// the next record is.
Result<LogRecords> OpenPrintkLog(const KernelMemory& memory);

}  // namespace crashdump
