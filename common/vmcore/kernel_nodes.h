// SPDX-License-Identifier: GPL-2.0-or-later
// The crashed kernel's memory nodes.
#pragma once

#include <vector>

#include "common/base/result.h"
#include "common/vmcore/kernel_memory.h"

namespace crashdump {

// No struct pglist_data or zone is larger, NODES_SHIFT and MAX_NR_ZONES included; an offset or size above it is damage.
inline constexpr uint64_t kMaxNodeBytes = 1U << 20;

// Virtual addresses of the nodes' struct pglist_data: all of node_data with CONFIG_NUMA, else contig_page_data. The
// error names the missing key, or what cannot be read.
Result<std::vector<uint64_t>> KernelNodes(const KernelMemory& kernel);

}  // namespace crashdump
