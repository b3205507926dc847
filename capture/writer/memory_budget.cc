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

PipelineOptions FitIntoMemory(PipelineOptions wanted, uint64_t available_bytes) {
  const auto fits = [&] { return available_bytes == 0 || CapturePipeline::MemoryBytes(wanted) <= available_bytes / 2; };
  while (wanted.threads > 1 && !fits()) --wanted.threads;
  while (wanted.compression.highest > kMinCompressionLevel && !fits()) {
    --wanted.compression.highest;
    wanted.compression.lowest = std::min(wanted.compression.lowest, wanted.compression.highest);
  }
  return wanted;
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
