// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/kernel_mappings.h"

#include "common/vmcore/elf_layout.h"
#include "common/vmcore/i386_mappings.h"
#include "common/vmcore/ppc64_mappings.h"
#include "common/vmcore/x86_64_mappings.h"

namespace crashdump {
namespace {

std::vector<LinearMapping> SegmentsWithAddresses(const Vmcore& vmcore) {
  std::vector<LinearMapping> mappings;
  for (const ElfSegment& load : vmcore.loads()) {
    // kexec-tools gives i386's high memory, which has no address, the address -1.
    const std::optional<uint64_t> end = CheckedAdd(load.virtual_address, load.file_size);
    if (load.virtual_address == 0 || !end || *end - 1 > vmcore.format().word_mask()) continue;
    mappings.push_back({{load.virtual_address, *end}, load.physical_address});
  }
  return mappings;
}

}  // namespace

KernelMappings OpenKernelMappings(const Vmcore& vmcore, const Vmcoreinfo& vmcoreinfo) {
  KernelMappings mappings;
  mappings.linear = SegmentsWithAddresses(vmcore);
  switch (vmcore.machine()) {
    case kElfMachineX86_64:
      AddX86_64Mappings(vmcore, vmcoreinfo, mappings);
      break;
    case kElfMachine386:
      AddI386Mappings(vmcore, vmcoreinfo, mappings);
      break;
    case kElfMachinePpc64:
      AddPpc64Mappings(vmcore, vmcoreinfo, mappings);
      break;
    default:
      mappings.no_translation = Error::Format(ErrorCode::kUnsupported, "addresses of machine %s (%u) are not known",
                                              vmcore.machine_name(), unsigned{vmcore.machine()});
  }
  return mappings;
}

}  // namespace crashdump
