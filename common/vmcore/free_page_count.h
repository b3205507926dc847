// SPDX-License-Identifier: GPL-2.0-or-later
// How many pages the crashed kernel itself counts as free: what a classification is checked against.
#pragma once

#include "common/base/result.h"
#include "common/vmcore/kernel_memory.h"

namespace crashdump {

// The sum of all zones' NR_FREE_PAGES (Linux mm/vmstat.c); what CPUs have not added yet is missing. The error names the
// missing key, or what cannot be.
Result<uint64_t> CountedFreePages(const KernelMemory& kernel);

}  // namespace crashdump
