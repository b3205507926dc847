// SPDX-License-Identifier: GPL-2.0-or-later
// How many compressing threads the capture environment has CPUs and memory for.
#pragma once

#include <cstdint>
#include <string_view>

namespace crashdump {

// Bytes of "MemAvailable" in the text of /proc/meminfo; 0 if it does not tell.
uint64_t AvailableMemory(std::string_view meminfo);

// At least 1, at most `wanted`: what fits into half of `available_bytes`. The other half is for the kernel's own needs
// (block layer, slab) and for page tables of mapped windows. 0 available bytes: nothing is known, `wanted` stands.
unsigned FittingThreads(unsigned wanted, uint64_t available_bytes, uint64_t fixed_bytes, uint64_t bytes_per_thread);

// CPUs that this process may run on.
unsigned UsableCpus();

}  // namespace crashdump
