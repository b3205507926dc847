// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as a vmcore: headers, notes, physical memory, pages.
// Fuzzes: elf_file.cc vmcore.cc physical_memory.cc page_reader.cc
#include "common/base/byte_source.h"
#include "common/testing/fuzzer.h"
#include "common/testing/vmcore_builder.h"
#include "common/vmcore/page_reader.h"
#include "common/vmcore/physical_memory.h"
#include "common/vmcore/vmcore.h"

namespace crashdump {
namespace {

void Run(Bytes input) {
  Result<Vmcore> opened = Vmcore::Open(std::make_unique<MemorySource>(input));
  if (!opened.ok()) return;
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
  Require(counted <= vmcore.loads().size() * (input.size() / page_size + 2));
}

std::vector<testing::FuzzerInput> Seeds() {
  using Headers = testing::VmcoreBuilder::Headers;
  std::vector<testing::FuzzerInput> seeds;
  const auto add = [&](TargetFormat format, uint16_t machine, Headers headers) {
    testing::VmcoreBuilder builder;
    builder.Format(format, machine).HeaderStyle(headers).AddCpu();
    builder.AddLoad({.physical = 0x1000, .data = std::vector<uint8_t>(5000, 'a'), .virtual_address = 0xc0001000});
    builder.AddLoad({.physical = 0x10000, .data = std::vector<uint8_t>(4096, 'b'), .extra_memory = 4096});
    seeds.push_back(builder.Build());
    Require(Vmcore::Open(std::make_unique<MemorySource>(seeds.back())).ok());
  };
  add({ByteOrder::kLittle, WordSize::k64}, kElfMachineX86_64, Headers::kKernel);
  add({ByteOrder::kLittle, WordSize::k64}, kElfMachineX86_64, Headers::kQemu);
  add({ByteOrder::kBig, WordSize::k64}, kElfMachinePpc64, Headers::kManySegments);
  add({ByteOrder::kLittle, WordSize::k32}, kElfMachine386, Headers::kKernel);
  return seeds;
}

const testing::Fuzzer fuzzer("elf", Run, Seeds);

}  // namespace
}  // namespace crashdump
