// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/memory_budget.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/parse.h"
#include "common/base/units.h"

namespace crashdump {

uint64_t AvailableMemory(std::string_view meminfo) {
  constexpr std::string_view kKey = "MemAvailable:";
  const size_t line = meminfo.find(kKey);
  if (line == std::string_view::npos) return 0;
  std::string_view text = meminfo.substr(line + kKey.size());
  text = TrimSpace(text.substr(0, text.find("kB")));
  const Result<uint64_t> kib = ParseNumber(text);
  return kib.ok() ? CheckedMultiply(kib.value(), kKiB).value_or(0) : 0;
}

unsigned FittingThreads(unsigned wanted, uint64_t available_bytes, uint64_t fixed_bytes, uint64_t bytes_per_thread) {
  if (available_bytes == 0 || wanted <= 1) return std::max(wanted, 1U);
  const uint64_t usable = available_bytes / 2;
  const uint64_t fitting = usable > fixed_bytes ? (usable - fixed_bytes) / bytes_per_thread : 0;
  return static_cast<unsigned>(std::clamp<uint64_t>(fitting, 1, wanted));
}

unsigned UsableCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(static_cast<unsigned>(CPU_COUNT(&set)), 1U);
  // More CPUs than the set has bits.
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online < 1 ? 1 : static_cast<unsigned>(online);
}

}  // namespace crashdump
