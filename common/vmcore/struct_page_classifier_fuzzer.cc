// SPDX-License-Identifier: GPL-2.0-or-later
// Machines whose VMCOREINFO, struct pages, sections, nodes and page tables are damaged anywhere: every page gets a
// class, and nothing else happens.
// Fuzzes: struct_page_classifier.cc struct_page_layout.cc struct_page_reader.cc memory_map.cc kernel_memory.cc
// kernel_nodes.cc free_page_count.cc open_classifier.cc target_machine.cc kernel_mappings.cc page_tables.cc
// x86_64_mappings.cc i386_mappings.cc ppc64_mappings.cc ppc64_linear.cc ppc64_vmemmap_list.cc
#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include "common/testing/fuzzer.h"
#include "common/testing/kernel_builder.h"
#include "common/vmcore/open_classifier.h"

namespace crashdump {
namespace {

using testing::KernelBuilder;
using testing::KernelEra;
using testing::KernelMachine;
using testing::MemoryModel;

// A whole vmcore, and where in it damage is worth while: headers and notes, and the kernel's records.
struct Machine {
  std::vector<uint8_t> file;
  Range areas[2];
  uint64_t direct_map, map_address;
};

const Machine& MachineOf(KernelEra era, MemoryModel model, KernelMachine kind) {
  static std::map<std::tuple<KernelEra, MemoryModel, KernelMachine>, Machine> machines;
  Machine& machine = machines[{era, model, kind}];
  if (!machine.file.empty()) return machine;
  KernelBuilder kernel(era, model, kind);
  // The translation is to be needed for everything.
  kernel.StateNoAddresses();
  machine.direct_map = kernel.direct_map();
  machine.map_address = kernel.MapAddress();
  kernel.Free(0, 5);
  kernel.Slab(32, 3);
  kernel.Anonymous(40, 3);
  kernel.Cache(48, 2);
  kernel.Hugetlb(512, 9);
  machine.file = kernel.Finish().Build();
  const uint64_t memory = machine.file.size() - KernelBuilder::kPages * KernelBuilder::kPageBytes;
  machine.areas[0] = {0, memory};
  machine.areas[1] = {memory + KernelBuilder::kRecordsPfn * KernelBuilder::kPageBytes, machine.file.size()};
  return machine;
}

// The file with some bytes replaced, without copying it.
class DamagedSource final : public ByteSource {
 public:
  explicit DamagedSource(const Machine& machine) : machine_(machine) {}
  void Replace(uint64_t offset, Bytes bytes) { patches_.push_back({offset, {bytes.begin(), bytes.end()}}); }

  Result<> ReadAt(uint64_t offset, MutableBytes out) const override {
    TRY(MemorySource(machine_.file).ReadAt(offset, out));
    for (const Patch& patch : patches_) {
      const uint64_t begin = std::max(offset, patch.offset);
      const uint64_t end = std::min(offset + out.size(), patch.offset + patch.bytes.size());
      for (uint64_t at = begin; at < end; ++at) out[at - offset] = patch.bytes[at - patch.offset];
    }
    return {};
  }
  uint64_t size() const override { return machine_.file.size(); }

 private:
  struct Patch {
    uint64_t offset;
    std::vector<uint8_t> bytes;
  };
  const Machine& machine_;
  std::vector<Patch> patches_;
};

// What the kernel's records say of an address they say of all that it is told to be in one piece with.
void CheckTranslation(const Vmcore& vmcore, const Machine& machine) {
  if (vmcore.vmcoreinfo() == nullptr) return;
  const KernelMappings mappings = OpenKernelMappings(vmcore, *vmcore.vmcoreinfo());
  if (mappings.translation == nullptr) return;
  const uint64_t map_bytes = KernelBuilder::kPages * 64;
  const uint64_t places[] = {machine.direct_map,
                             machine.direct_map + KernelBuilder::kRecordsPfn * KernelBuilder::kPageBytes + 1,
                             machine.map_address,
                             machine.map_address + map_bytes / 2 - 1,
                             machine.map_address + map_bytes / 2,
                             machine.map_address + map_bytes};
  for (const uint64_t address : places) {
    const Result<PhysicalSpan> span = mappings.translation->Translate(address);
    if (!span.ok()) continue;
    Require(span.value().bytes != 0);
    const uint64_t last = span.value().bytes - 1;
    const Result<PhysicalSpan> end = mappings.translation->Translate(address + last);
    Require(end.ok() && end.value().address == span.value().address + last && end.value().bytes == 1);
  }
}

// The input: era, model, machine, then patches of {area, place (4 bytes), length, bytes}.
void Run(Bytes input) {
  if (input.size() < 3) return;
  const MemoryModel model = testing::kAllModels[input[1] % std::size(testing::kAllModels)];
  const KernelMachine kind = testing::kAllMachines[input[2] % std::size(testing::kAllMachines)];
  if (!testing::HasModel(kind, model)) return;
  // What changes by version does so in the same way on all machines.
  const KernelEra era =
      kind == KernelMachine::kX8664 ? testing::kAllEras[input[0] % std::size(testing::kAllEras)] : KernelEra::kLinux71;
  const Machine& machine = MachineOf(era, model, kind);
  auto source = std::make_unique<DamagedSource>(machine);
  input = input.subspan(3);
  constexpr size_t kPatchHeader = 6;
  while (input.size() > kPatchHeader) {
    const Range area = machine.areas[input[0] % 2];
    const uint64_t place = LoadInteger(input.subspan(1, 4), ByteOrder::kLittle) % area.size();
    const size_t length = std::min<size_t>(input[5], input.size() - kPatchHeader);
    source->Replace(area.begin + place, input.subspan(kPatchHeader, length));
    input = input.subspan(kPatchHeader + length);
  }
  const Result<Vmcore> vmcore = Vmcore::Open(std::move(source));
  if (!vmcore.ok()) return;
  CheckTranslation(vmcore.value(), machine);
  const PhysicalMemory memory(vmcore.value());
  const OpenedClassifier opened = OpenClassifier(vmcore.value(), memory);
  std::vector<PageClass> classes(KernelBuilder::kPages);
  OpenBlock open;
  opened.classifier->Classify({0, KernelBuilder::kPages}, open, classes);
  PageCounts counts{};
  for (const PageClass page_class : classes) {
    Require(static_cast<size_t>(page_class) < counts.size());
    ++counts[static_cast<size_t>(page_class)];
  }
  (void)opened.classifier->Doubts(counts);
}

std::vector<testing::FuzzerInput> Seeds() {
  std::vector<testing::FuzzerInput> seeds;
  const auto add = [&](uint8_t era, uint8_t model, uint8_t machine) {
    // Nothing is damaged; a number of VMCOREINFO; the first struct pages.
    seeds.push_back({era, model, machine});
    seeds.push_back({era, model, machine, 0, 0x00, 0x02, 0, 0, 4, '9', '9', '9', '9'});
    seeds.push_back({era, model, machine, 1, 0x40, 0x00, 0, 0, 8, 0x60, 0, 0, 0, 0, 0, 0, 0});
  };
  constexpr auto kEras = static_cast<uint8_t>(std::size(testing::kAllEras));
  constexpr auto kModels = static_cast<uint8_t>(std::size(testing::kAllModels));
  constexpr auto kMachines = static_cast<uint8_t>(std::size(testing::kAllMachines));
  for (uint8_t model = 0; model < kModels; ++model) {
    for (uint8_t era = 0; era < kEras; ++era) add(era, model, 0);
    for (uint8_t machine = 1; machine < kMachines; ++machine) {
      if (!testing::HasModel(testing::kAllMachines[machine], testing::kAllModels[model])) continue;
      add(0, model, machine);
      // The records that translate addresses: the first of page tables, the variables and the list.
      seeds.push_back({0, model, machine, 1, 0x08, 0x00, 0x04, 0, 4, 9, 9, 9, 9});
      seeds.push_back({0, model, machine, 1, 0x00, 0x10, 0x04, 0, 4, 9, 9, 9, 9});
    }
  }
  return seeds;
}

const testing::Fuzzer fuzzer("struct_page_classifier", Run, Seeds);

}  // namespace
}  // namespace crashdump
