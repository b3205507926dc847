// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/estimate.h"

#include "common/base/parse.h"

namespace crashdump {
namespace {

// No disk is larger: the room of a file.
constexpr uint64_t kBoundless = uint64_t{1} << 60;
// The first pages are not like the others; after this part of them the mean tells something.
constexpr uint64_t kForecastPart = 16;

// value * numerator / denominator, without overflow.
uint64_t Scale(uint64_t value, uint64_t numerator, uint64_t denominator) {
  return static_cast<uint64_t>(static_cast<double>(value) * static_cast<double>(numerator) /
                               static_cast<double>(denominator));
}

}  // namespace

std::string PlanText(const PageFiller& filler, uint64_t room_bytes) {
  const uint64_t kept_bytes = filler.kept_pages() * filler.page_bytes();
  std::string text = "keeps " + std::to_string(filler.kept_pages()) + " of " + std::to_string(filler.memory_pages()) +
                     " pages, " + FormatSize(kept_bytes) + " (";
  bool first = true;
  for (const PageClassSet& classes : filler.order()) {
    for (const PageClass page_class : kAllPageClasses) {
      const uint64_t count = CountOf(filler.counts(), page_class);
      if (count == 0 || !classes.Contains(page_class)) continue;
      text += (first ? "" : ", ") + std::string(PageClassName(page_class)) + " " + std::to_string(count);
      first = false;
    }
  }
  text += ")";
  if (room_bytes >= kBoundless) return text;
  text += ", in a region of " + FormatSize(room_bytes);
  if (kept_bytes <= room_bytes) return text + ": fits";
  return text + ": fits if compressed to " + std::to_string(Scale(100, room_bytes, kept_bytes)) + " %";
}

std::string Forecast::Update(const CaptureProgress& progress) {
  if (done_ || progress.done_bytes == 0 || progress.done_bytes < progress.total_bytes / kForecastPart) return "";
  done_ = true;
  const uint64_t bytes = Scale(progress.written_bytes, progress.total_bytes, progress.done_bytes);
  const uint64_t seconds = Scale(stopwatch_.Milliseconds(), progress.total_bytes, progress.done_bytes) / 1000;
  std::string text = "about " + FormatSize(bytes) + " in " + std::to_string(seconds) + " s";
  if (room_bytes_ >= kBoundless) return text;
  if (bytes <= room_bytes_) return text + ": fits";
  return text + ": does not fit into " + FormatSize(room_bytes_) + ", the least valuable pages will be missing";
}

}  // namespace crashdump
