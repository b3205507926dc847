// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as a vmcore: headers, notes, physical memory, pages.
#include <cstdint>
#include <cstdlib>

#include "common/base/byte_source.h"
#include "common/vmcore/page_reader.h"
#include "common/vmcore/physical_memory.h"
#include "common/vmcore/vmcore.h"

using namespace crashdump;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Result<Vmcore> opened = Vmcore::Open(std::make_unique<MemorySource>(Bytes(data, size)));
  if (!opened.ok()) return 0;
  const Vmcore vmcore = opened.TakeValue();
  const PhysicalMemory memory(vmcore);
  const uint64_t page_size = vmcore.page_size();
  PageReader reader =
      PageReader::Create(vmcore, memory, {.map_bytes = page_size, .read_bytes = 4 * page_size}).TakeValue();
  uint64_t counted = 0;
  uint64_t last_end = 0;
  for (const Range& range : memory.ranges()) {
    Require(range.begin < range.end && (counted == 0 || range.begin > last_end));
    last_end = range.end;
    for (uint64_t pfn = range.begin; pfn < range.end;) {
      const PageSpan span = reader.Read({pfn, range.end});
      Require(span.pfns.begin == pfn && span.pfns.end > pfn && span.pfns.end <= range.end);
      // All of the source can be read, so whatever the headers promise is there.
      Require(span.state == PageSpan::State::kData && span.data.size() == span.pfns.size() * page_size);
      counted += span.pfns.size();
      pfn = span.pfns.end;
    }
  }
  Require(counted == memory.total_pages());
  // Segments may overlap in physical memory, but not by more than each fills the file.
  Require(counted <= vmcore.loads().size() * (size / page_size + 2));
  return 0;
}
