// SPDX-License-Identifier: GPL-2.0-or-later
// How many compressing threads the capture environment has CPUs and memory for, and of which levels.
#pragma once

#include <cstdint>
#include <string_view>

#include "capture/writer/capture_pipeline.h"

namespace crashdump {

// Bytes of "MemAvailable" in the text of /proc/meminfo; 0 if it does not tell.
uint64_t AvailableMemory(std::string_view meminfo);

// What of the wanted fits into half of `available_bytes`: with fewer threads, and where one is too much with lower
// levels, of which the lowest needs a sixth of what the highest automatic one does. At least one thread of the lowest
// level. The other half is for the kernel's own needs (block layer, slab) and for page tables of mapped windows. 0
// available bytes: nothing is known, and `wanted` stands.
PipelineOptions FitIntoMemory(PipelineOptions wanted, uint64_t available_bytes);

// CPUs that this process may run on.
unsigned UsableCpus();

}  // namespace crashdump
