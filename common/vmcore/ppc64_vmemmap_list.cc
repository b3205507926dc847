// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/ppc64_vmemmap_list.h"

#include <algorithm>
#include <cinttypes>

namespace crashdump {
namespace {

using Kind = VmcoreinfoKind;
using Presence = VmcoreinfoField::Presence;

constexpr uint32_t kIntBytes = 4;
constexpr uint32_t kWordBytes = 8;
// Of the structures that are read here; more is damage.
constexpr uint64_t kMaxStructure = 4096;
// Linux arch/powerpc/include/asm/mmu.h, MMU_PAGE_COUNT is 16.
constexpr uint64_t kMaxPageSizes = 32;
// 4 KiB to 16 GiB.
constexpr uint64_t kMinShift = 12, kMaxShift = 34;

// How many bytes an entry of the list maps.
Result<uint64_t> EntryBytes(const Ppc64Linear& linear, const Vmcoreinfo& vmcoreinfo) {
  uint64_t index_at = 0, definitions = 0, definition_bytes = 0, shift_at = 0;
  TRY(vmcoreinfo.Fill({{Kind::kSymbol, "mmu_vmemmap_psize", &index_at},
                       {Kind::kSymbol, "mmu_psize_defs", &definitions},
                       {Kind::kSize, "mmu_psize_def", &definition_bytes, Presence::kRequired, kMaxStructure},
                       {Kind::kOffset, "mmu_psize_def.shift", &shift_at, Presence::kRequired, kMaxStructure}}));
  const uint64_t index = TRY(linear.ReadInteger(index_at, kIntBytes), "mmu_vmemmap_psize");
  if (index >= kMaxPageSizes) {
    return Error::Format(ErrorCode::kCorrupt, "mmu_vmemmap_psize is %" PRIu64, index);
  }
  const uint64_t shift =
      TRY(linear.ReadInteger(definitions + index * definition_bytes + shift_at, kIntBytes), "mmu_psize_defs");
  if (shift < kMinShift || shift > kMaxShift) {
    return Error::Format(ErrorCode::kCorrupt, "vmemmap of pages of 2^%" PRIu64 " bytes", shift);
  }
  return uint64_t{1} << shift;
}

}  // namespace

Result<Ppc64VmemmapList> Ppc64VmemmapList::Read(const Ppc64Linear& linear, const Vmcoreinfo& vmcoreinfo) {
  uint64_t head = 0, next_at = 0, physical_at = 0, virtual_at = 0;
  TRY(vmcoreinfo.Fill({{Kind::kSymbol, "vmemmap_list", &head},
                       {Kind::kOffset, "vmemmap_backing.list", &next_at, Presence::kRequired, kMaxStructure},
                       {Kind::kOffset, "vmemmap_backing.phys", &physical_at, Presence::kRequired, kMaxStructure},
                       {Kind::kOffset, "vmemmap_backing.virt_addr", &virtual_at, Presence::kRequired, kMaxStructure}}));
  Ppc64VmemmapList list(TRY(EntryBytes(linear, vmcoreinfo)));
  const auto read = [&](uint64_t address) { return linear.ReadInteger(address, kWordBytes); };
  uint64_t entry = TRY(read(head), "vmemmap_list");
  if (entry == 0) return Error::Format(ErrorCode::kNotFound, "vmemmap_list is empty");
  for (; entry != 0; entry = TRY(read(entry + next_at), "vmemmap_list")) {
    if (list.entries_.size() == kMaxEntries) {
      return Error::Format(ErrorCode::kUnsupported, "vmemmap_list has more than %zu entries", kMaxEntries);
    }
    list.entries_.push_back({.virtual_address = TRY(read(entry + virtual_at), "vmemmap_list"),
                             .physical = TRY(read(entry + physical_at), "vmemmap_list")});
  }
  std::sort(list.entries_.begin(), list.entries_.end(),
            [](const Entry& a, const Entry& b) { return a.virtual_address < b.virtual_address; });
  return list;
}

Result<PhysicalSpan> Ppc64VmemmapList::Translate(uint64_t virtual_address) const {
  const auto after =
      std::upper_bound(entries_.begin(), entries_.end(), virtual_address,
                       [](uint64_t wanted, const Entry& entry) { return wanted < entry.virtual_address; });
  if (after != entries_.begin()) {
    const Entry& entry = *std::prev(after);
    const uint64_t offset = virtual_address - entry.virtual_address;
    // Entries of a damaged list may overlap.
    const uint64_t next = after == entries_.end() ? UINT64_MAX : after->virtual_address - virtual_address;
    if (offset < entry_bytes_) {
      return PhysicalSpan{.address = entry.physical + offset, .bytes = std::min(entry_bytes_ - offset, next)};
    }
  }
  return Error::Format(ErrorCode::kNotFound, "vmemmap_list has nothing for 0x%" PRIx64, virtual_address);
}

}  // namespace crashdump
