// SPDX-License-Identifier: GPL-2.0-or-later
// The printk ring buffer of Linux 5.10 and later: a ring of descriptors, a ring of infos beside it, and a ring of text.
// Linux kernel/printk/printk_ringbuffer.h describes it.
#pragma once

#include "common/base/result.h"
#include "common/vmcore/kernel_memory.h"
#include "common/vmcore/log_records.h"

namespace crashdump {

// Reads the ring's own structure through SYMBOL(prb). Errors as PanicMessages::Open. `memory` must outlive the records.
// A walk looks at the descriptors between tail and head, or, where those make no sense, at as many as the ring has
// places up to the head.
Result<LogRecords> OpenPrintkRing(const KernelMemory& memory);

}  // namespace crashdump
