// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/class_table.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cmath>
#include <cstdio>

#include "common/base/parse.h"
#include "common/base/units.h"

namespace crashdump {
namespace {

constexpr uint64_t kBarWidth = 40;

std::string Line(PageClass page_class, uint64_t count, uint64_t total, uint64_t page_bytes, bool is_kept) {
  const double share = static_cast<double>(count) / static_cast<double>(total);
  // Whoever has pages has a bar.
  const auto width = static_cast<size_t>(std::max(1L, lround(share * kBarWidth)));
  std::array<char, 128> line;
  (void)snprintf(line.data(), line.size(), "  %-14s %10" PRIu64 " %10s  %-9s ", PageClassName(page_class), count,
                 FormatSize(CheckedMultiply(count, page_bytes).value_or(UINT64_MAX)).c_str(),
                 is_kept ? "kept" : "left out");
  return line.data() + std::string(width, is_kept ? '#' : '.') + "\n";
}

}  // namespace

ClassCounts ClassCounts::FromSummary(const TextRecord& summary) {
  ClassCounts counts;
  for (const PageClass page_class : kAllPageClasses) {
    const std::string name = PageClassName(page_class);
    const Result<uint64_t> kept = summary.Number("kept_" + name);
    const Result<uint64_t> left_out = summary.Number("left_out_" + name);
    if (kept.ok()) CountOf(counts.kept, page_class) = kept.value();
    if (left_out.ok()) CountOf(counts.left_out, page_class) = left_out.value();
  }
  return counts;
}

std::string ClassTable(const ClassCounts& counts, uint64_t page_bytes) {
  const uint64_t total = SumOf(counts.kept) + SumOf(counts.left_out);
  std::string text;
  for (const bool is_kept : {true, false}) {
    const PageCounts& pages = is_kept ? counts.kept : counts.left_out;
    for (const PageClass page_class : kAllPageClasses) {
      const uint64_t count = CountOf(pages, page_class);
      if (count != 0) text += Line(page_class, count, total, page_bytes, is_kept);
    }
  }
  return text;
}

}  // namespace crashdump
