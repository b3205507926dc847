// SPDX-License-Identifier: GPL-2.0-or-later
// Ppc64VmemmapList: where a ppc64 kernel with the hash MMU has its struct pages. They are mapped by hash table entries
// alone; the kernel keeps a list of them for those who read its memory (Linux arch/powerpc/mm/init_64.c, vmemmap_list).
#pragma once

#include <vector>

#include "common/base/result.h"
#include "common/vmcore/address_translation.h"
#include "common/vmcore/ppc64_linear.h"

namespace crashdump {

class Ppc64VmemmapList final : public AddressTranslation {
 public:
  // Each entry is a large page full of struct pages: of 16 MiB, on machines that have none of 64 KiB. So many are
  // enough for 64 TiB of memory even then if pages are of 64 KiB, and take 16 bytes each here.
  static constexpr size_t kMaxEntries = 1U << 16;

  // Reads the whole list. The error names the missing key, or what cannot be.
  static Result<Ppc64VmemmapList> Read(const Ppc64Linear& linear, const Vmcoreinfo& vmcoreinfo);

  Result<PhysicalSpan> Translate(uint64_t virtual_address) const override;

 private:
  struct Entry {
    uint64_t virtual_address, physical;
  };

  explicit Ppc64VmemmapList(uint64_t entry_bytes) : entry_bytes_(entry_bytes) {}

  uint64_t entry_bytes_;        // that each entry maps
  std::vector<Entry> entries_;  // sorted by virtual address
};

}  // namespace crashdump
