// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/summary.h"

#include "common/base/io.h"
#include "common/base/parse.h"
#include "common/base/text_record.h"

namespace crashdump {
namespace {

void AddPlan(const PageFiller& filler, size_t complete_passes, TextRecord& record) {
  for (const bool kept : {true, false}) {
    for (const PageClass page_class : kAllPageClasses) {
      const uint64_t count = CountOf(filler.counts(), page_class);
      if (count == 0 || filler.level().Keeps(page_class) != kept) continue;
      record.AddNumber(std::string(kept ? "kept_" : "left_out_") + PageClassName(page_class), count);
    }
  }
  std::string order;
  for (const PageClassSet& classes : filler.order()) order += (order.empty() ? "" : " ") + classes.ToString();
  record.Add("order", order);
  record.AddNumber("complete_passes", complete_passes);
}

}  // namespace

uint64_t Stopwatch::Milliseconds() const {
  const auto elapsed = std::chrono::steady_clock::now() - begin_;
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(elapsed).count());
}

uint64_t PeakMemoryKib() {
  const Result<std::string> status = ReadTextFile("/proc/self/status", 64 * kKiB);
  if (!status.ok()) return 0;
  constexpr std::string_view kKey = "\nVmHWM:";
  const size_t line = status.value().find(kKey);
  if (line == std::string::npos) return 0;
  std::string_view text = std::string_view(status.value()).substr(line + kKey.size());
  text = TrimSpace(text.substr(0, text.find("kB")));
  const Result<uint64_t> value = ParseNumber(text);
  return value.ok() ? value.value() : 0;
}

std::string SummaryText(const DumpCounters& counters, const CapturePipeline* pipeline, size_t complete_passes,
                        uint64_t elapsed_milliseconds, const CaptureLog& log) {
  TextRecord record;
  record.AddNumber("data_pages", counters.data_pages);
  record.AddNumber("zero_pages", counters.zero_pages);
  record.AddNumber("unreadable_pages", counters.unreadable_pages);
  record.AddNumber("chunks", counters.chunks);
  record.AddNumber("stored_bytes", counters.stored_bytes);
  if (pipeline != nullptr) {
    if (pipeline->filler().is_counted()) AddPlan(pipeline->filler(), complete_passes, record);
    record.AddNumber("threads", pipeline->threads());
    record.Add("compression_levels", pipeline->level_controller().Used());
  }
  record.AddNumber("elapsed_ms", elapsed_milliseconds);
  record.AddNumber("vm_hwm_kib", PeakMemoryKib());
  return record.ToString() + log.ToRecord();
}

}  // namespace crashdump
