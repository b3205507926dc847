// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/memory_budget.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/parse.h"
#include "common/base/units.h"

namespace crashdump {

std::optional<uint64_t> AvailableMemory(std::string_view meminfo) {
  constexpr std::string_view kKey = "MemAvailable:";
  const size_t line = meminfo.find(kKey);
  if (line == std::string_view::npos) return std::nullopt;
  std::string_view text = meminfo.substr(line + kKey.size());
  text = TrimSpace(text.substr(0, text.find("kB")));
  const Result<uint64_t> kib = ParseNumber(text);
  if (!kib.ok()) return std::nullopt;
  return CheckedMultiply(kib.value(), kKiB);
}

PipelineOptions FitIntoMemory(const PipelineOptions& wanted, std::optional<uint64_t> available_bytes) {
  PipelineOptions fitting = wanted;
  if (!available_bytes) return fitting;
  CompressionLevels& levels = fitting.compression;
  const auto fits = [&] { return CapturePipeline::MemoryBytes(fitting) <= *available_bytes / 2; };
  while (levels.highest > levels.lowest && !fits()) --levels.highest;
  while (fitting.threads > 1 && !fits()) --fitting.threads;
  while (levels.lowest > kMinCompressionLevel && !fits()) levels = levels.lowest - 1;
  return fitting;
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
