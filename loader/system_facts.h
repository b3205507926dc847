// SPDX-License-Identifier: GPL-2.0-or-later
// Facts that the kernel and the administrator state in text files: memory, swaps, fstab, the boot. Each parser takes
// the text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "loader/machine.h"

namespace crashdump {

// A value of /proc/meminfo in bytes ("MemTotal", "MemAvailable"); kNotFound without such a line.
Result<uint64_t> MemoryInfo(std::string_view meminfo, std::string_view name);

// A line of /proc/swaps.
struct ActiveSwap {
  std::string path;  // with the kernel's octal escapes undone
  bool is_file = false;
  uint64_t used = 0;  // bytes
  int priority = 0;   // below 0: chosen by the kernel
};
Result<std::vector<ActiveSwap>> ParseSwaps(std::string_view swaps);

// A swap line of /etc/fstab.
struct SwapEntry {
  std::string source;   // "UUID=...", "/dev/vda2", "/swapfile"
  std::string options;  // "defaults,discard=once"
};
std::vector<SwapEntry> ParseFstabSwaps(std::string_view fstab);

// The flags of swapon(2) that bring a swap back as it was: the priority from /proc/swaps, the discard policy, which the
// kernel shows nowhere, from the options in fstab.
int SwapOnFlags(const ActiveSwap& swap, std::string_view fstab_options);

// Words of a kernel command line; double quotes keep blanks together, as in the kernel.
std::vector<std::string> SplitCommandLine(std::string_view command_line);

// /proc/sys/kernel/random/boot_id.
Result<std::string> BootId(const Machine& machine);
// Whether a capture kernel is loaded, whoever loaded it.
Result<bool> IsCrashKernelLoaded(const Machine& machine);
// Bytes of memory reserved for the capture kernel; 0 if there are none.
Result<uint64_t> CrashReservation(const Machine& machine);

}  // namespace crashdump
