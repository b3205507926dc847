// SPDX-License-Identifier: GPL-2.0-or-later
// How many compressing threads the capture environment has CPUs and memory for, and of which levels.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "capture/writer/capture_pipeline.h"

namespace crashdump {

// Bytes of "MemAvailable" in the text of /proc/meminfo; nothing if it does not tell.
std::optional<uint64_t> AvailableMemory(std::string_view meminfo);

// What of `wanted`, at least one thread, fits into half of what is available: first without the higher ones of several
// levels, which may never be used; then with fewer threads; then with a lower level than was asked for. One thread of
// the lowest level stays in any case. The other half is for the kernel's own needs (block layer, slab) and for page
// tables of mapped windows. Where nothing is known, all of it stands.
PipelineOptions FitIntoMemory(const PipelineOptions& wanted, std::optional<uint64_t> available_bytes);

// CPUs that this process may run on.
unsigned UsableCpus();

}  // namespace crashdump
