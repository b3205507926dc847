// SPDX-License-Identifier: GPL-2.0-or-later
// How the pages of a machine are shared out among classes, as a table with bars, for people.
#pragma once

#include <string>

#include "common/base/text_record.h"
#include "common/vmcore/page_class.h"

namespace crashdump {

struct ClassCounts {
  PageCounts kept{};
  PageCounts left_out{};

  // From a dump's summary (docs/dump-format.md, "Summary"); all zero if it has none.
  static ClassCounts FromSummary(const TextRecord& summary);
};

// A line for each class that has pages: name, pages, size, share of all pages as a bar; "#" for kept, "." for left out.
// "" if there are no pages.
//   kernel             31567    123 MiB  kept      ######
//   free              102725    401 MiB  left out  ....................
std::string ClassTable(const ClassCounts& counts, uint64_t page_bytes);

}  // namespace crashdump
