// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/page_class.h"

#include <algorithm>
#include <cinttypes>
#include <numeric>

namespace crashdump {

const char* PageClassName(PageClass page_class) {
  switch (page_class) {
    case PageClass::kUnclassified:
      return "unclassified";
    case PageClass::kKernel:
      return "kernel";
    case PageClass::kCacheClean:
      return "cache_clean";
    case PageClass::kCachePrivate:
      return "cache_private";
    case PageClass::kUser:
      return "user";
    case PageClass::kFree:
      return "free";
    case PageClass::kNeverRead:
      return "never_read";
  }
  return "";
}

uint64_t SumOf(const PageCounts& counts) { return std::accumulate(counts.begin(), counts.end(), uint64_t{0}); }

Result<DumpLevel> DumpLevel::FromNumber(uint64_t number) {
  if (number > kMaximum) {
    return Error::Format(ErrorCode::kInvalidArgument, "dump level %" PRIu64 " is not one of 0 to %" PRIu32, number,
                         kMaximum);
  }
  return DumpLevel(static_cast<uint32_t>(number));
}

bool DumpLevel::Keeps(PageClass page_class) const {
  switch (page_class) {
    case PageClass::kUnclassified:
    case PageClass::kKernel:
      return true;
    case PageClass::kCacheClean:
      // "All cache" includes the clean cache.
      return (bits_ & (kCacheClean | kCacheAll)) == 0;
    case PageClass::kCachePrivate:
      return (bits_ & kCacheAll) == 0;
    case PageClass::kUser:
      return (bits_ & kUser) == 0;
    case PageClass::kFree:
      return (bits_ & kFree) == 0;
    case PageClass::kNeverRead:
      return false;
  }
  return true;
}

void KeepEveryPage::Classify(Range pfns, OpenBlock&, std::span<PageClass> classes) {
  Require(classes.size() == pfns.size());
  std::fill(classes.begin(), classes.end(), PageClass::kUnclassified);
}

}  // namespace crashdump
