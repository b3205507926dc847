// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/memory_map.h"

#include <algorithm>
#include <array>
#include <cinttypes>

#include "common/vmcore/kernel_nodes.h"

namespace crashdump {
namespace {

using Kind = VmcoreinfoKind;
using Presence = VmcoreinfoField::Presence;

constexpr uint64_t kMaxPhysicalBits = 56;
constexpr uint64_t kUnstated = UINT64_MAX;

// The low bits of section_mem_map are flags, the rest an address that is aligned to a page at least (Linux
// include/linux/mmzone.h, SECTION_MAP_MASK; the number of flags grows).
constexpr uint64_t kSectionPresent = 1;
constexpr uint64_t kSectionFlags = 0xfff;

uint64_t SectionCount(const PhysicalBits& bits) { return uint64_t{1} << (bits.memory - bits.section); }
uint64_t RootCount(const PhysicalBits& bits, uint64_t per_root) {
  return (SectionCount(bits) + per_root - 1) / per_root;
}

// Older kernels do not tell. What is stated stands; the rest is the first that is known of such machines with which
// mem_section would have the length that it has, in one level or in two.
PhysicalBits SettleBits(const PhysicalBits& stated, std::span<const PhysicalBits> known, uint64_t roots,
                        uint64_t per_root) {
  std::optional<PhysicalBits> first;
  for (PhysicalBits bits : known) {
    if (stated.section != kUnstated) bits.section = stated.section;
    if (stated.memory != kUnstated) bits.memory = stated.memory;
    if (!first) first = bits;
    if (bits.memory < bits.section || per_root == 0) continue;
    if (roots == SectionCount(bits) || roots == RootCount(bits, per_root)) return bits;
  }
  return first.value_or(stated);
}

unsigned BitsOf(uint64_t power_of_two) { return static_cast<unsigned>(__builtin_ctzll(power_of_two)); }

}  // namespace

Result<MemoryMap> MemoryMap::Open(const KernelMemory& kernel, const PhysicalMemory& physical, uint32_t struct_bytes) {
  MemoryMap map(kernel, struct_bytes);
  const Result<uint64_t> sections = kernel.vmcoreinfo().Symbol("mem_section");
  if (sections.ok() || sections.error().code() != ErrorCode::kNotFound) {
    TRY(map.OpenSections(physical));
  } else {
    TRY(map.OpenNodes());
  }
  return map;
}

Result<uint64_t> MemoryMap::ReadWord(CachedKernelReader& reader, uint64_t address) {
  std::array<uint8_t, 8> buffer;
  const TargetFormat format = kernel_->format();
  const MutableBytes bytes = MutableBytes(buffer).first(format.word_bytes());
  TRY(reader.Read(address, bytes));
  return LoadInteger(bytes, format.order);
}

Result<> MemoryMap::OpenSections(const PhysicalMemory& physical) {
  const Vmcoreinfo& vmcoreinfo = kernel_->vmcoreinfo();
  const Vmcore& vmcore = kernel_->vmcore();
  Sections sections;
  sections.table = TRY(vmcoreinfo.Symbol("mem_section"));
  PhysicalBits stated = {.section = kUnstated, .memory = kUnstated};
  uint64_t roots = 0;
  TRY(vmcoreinfo.Fill({
      {Kind::kSize, "mem_section", &sections.entry_bytes, Presence::kRequired, vmcore.page_size()},
      {Kind::kOffset, "mem_section.section_mem_map", &sections.map_offset, Presence::kRequired, vmcore.page_size()},
      {Kind::kNumber, "SECTION_SIZE_BITS", &stated.section, Presence::kOptional, kMaxPhysicalBits},
      {Kind::kNumber, "MAX_PHYSMEM_BITS", &stated.memory, Presence::kOptional, kMaxPhysicalBits},
      {Kind::kLength, "mem_section", &roots, Presence::kOptional, uint64_t{1} << 32},
  }));
  // SPARSEMEM_EXTREME: as many roots as are needed when each is a page full of entries.
  const uint64_t per_root = sections.entry_bytes == 0 ? 0 : vmcore.page_size() / sections.entry_bytes;
  const TargetMachine* const machine = vmcore.known_machine();
  const PhysicalBits bits = SettleBits(
      stated, machine == nullptr ? std::span<const PhysicalBits>() : machine->physical_bits, roots, per_root);
  const unsigned page_bits = BitsOf(vmcore.page_size());
  if (bits.section <= page_bits || bits.memory < bits.section ||
      sections.entry_bytes < kernel_->format().word_bytes()) {
    return Error::Format(ErrorCode::kCorrupt,
                         "VMCOREINFO: sections of 2^%" PRIu64 " bytes in 2^%" PRIu64 ", each of %" PRIu64 " bytes",
                         bits.section, bits.memory, sections.entry_bytes);
  }
  sections.pages_bits = static_cast<unsigned>(bits.section) - page_bits;
  sections.count = SectionCount(bits);
  if (roots == 0 || roots == RootCount(bits, per_root)) sections.entries_per_root = per_root;

  // Of a pointer the kernel tells sometimes its value and sometimes its place (VMCOREINFO_SYMBOL_ARRAY,
  // VMCOREINFO_SYMBOL).
  sections_ = sections;
  if (SectionsMakeSense(physical)) return {};
  const Result<uint64_t> pointed = kernel_->ReadWord(sections.table);
  if (pointed.ok()) {
    sections_->table = pointed.value();
    if (SectionsMakeSense(physical)) return {};
  }
  return Error::Format(ErrorCode::kCorrupt, "no struct pages are found through mem_section at 0x%" PRIx64,
                       sections.table);
}

bool MemoryMap::SectionsMakeSense(const PhysicalMemory& physical) {
  // Firmware leaves small islands of memory, some of which have no struct pages.
  constexpr uint64_t kLargePages = 256;
  for (const Range& range : physical.ranges()) {
    if (range.size() < kLargePages) continue;
    const MemoryMapPart part = FindInSections(range.begin);
    if (part.address && kernel_->ReadWord(*part.address).ok()) return true;
  }
  return false;
}

Result<std::optional<uint64_t>> MemoryMap::SectionAddress(uint64_t section) {
  const Sections& sections = *sections_;
  if (section >= sections.count) return std::optional<uint64_t>();
  uint64_t entries = sections.table;
  uint64_t index = section;
  if (sections.entries_per_root != 0) {
    const uint64_t root = section / sections.entries_per_root;
    entries = TRY(ReadWord(roots_, sections.table + root * kernel_->format().word_bytes()));
    if (entries == 0) return std::optional<uint64_t>();
    index = section % sections.entries_per_root;
  }
  const uint64_t map = TRY(ReadWord(entries_, entries + index * sections.entry_bytes + sections.map_offset));
  if ((map & kSectionPresent) == 0) return std::optional<uint64_t>();
  // What is stored is the address that the struct page of page frame 0 would have.
  const uint64_t first_pfn = section << sections.pages_bits;
  return std::optional(((map & ~kSectionFlags) + first_pfn * struct_bytes_) & kernel_->format().word_mask());
}

MemoryMapPart MemoryMap::FindInSections(uint64_t pfn) {
  const uint64_t section = pfn >> sections_->pages_bits;
  const Range pfns = {section << sections_->pages_bits, (section + 1) << sections_->pages_bits};
  const Result<std::optional<uint64_t>> address = SectionAddress(section);
  return {.pfns = pfns, .address = address.ok() ? address.value() : std::nullopt, .is_unreadable = !address.ok()};
}

Result<> MemoryMap::AddNode(uint64_t address) {
  const Vmcoreinfo& vmcoreinfo = kernel_->vmcoreinfo();
  uint64_t map_at = 0, start_at = 0, spanned_at = 0;
  TRY(vmcoreinfo.Fill({
      {Kind::kOffset, "pglist_data.node_mem_map", &map_at, Presence::kRequired, kMaxNodeBytes},
      {Kind::kOffset, "pglist_data.node_start_pfn", &start_at, Presence::kRequired, kMaxNodeBytes},
      {Kind::kOffset, "pglist_data.node_spanned_pages", &spanned_at, Presence::kRequired, kMaxNodeBytes},
  }));
  const uint64_t map = TRY(kernel_->ReadWord(address + map_at));
  const uint64_t start = TRY(kernel_->ReadWord(address + start_at));
  const uint64_t spanned = TRY(kernel_->ReadWord(address + spanned_at));
  const std::optional<uint64_t> end = CheckedAdd(start, spanned);
  if (spanned == 0) return {};
  if (!end || *end > UINT64_MAX / struct_bytes_) {
    return Error::Format(ErrorCode::kCorrupt, "node at 0x%" PRIx64 ": page frames from %" PRIu64 " on, %" PRIu64,
                         address, start, spanned);
  }
  nodes_.push_back({.pfns = {start, *end}, .address = map});
  return {};
}

Result<> MemoryMap::OpenNodes() {
  for (const uint64_t node : TRY(KernelNodes(*kernel_), "VMCOREINFO lacks SYMBOL(mem_section), and"))
    TRY(AddNode(node));
  std::sort(nodes_.begin(), nodes_.end(),
            [](const MemoryMapPart& a, const MemoryMapPart& b) { return a.pfns.begin < b.pfns.begin; });
  for (size_t i = 1; i < nodes_.size(); ++i) {
    if (nodes_[i].pfns.begin < nodes_[i - 1].pfns.end) {
      return Error::Format(ErrorCode::kCorrupt, "nodes overlap at page frame %" PRIu64, nodes_[i].pfns.begin);
    }
  }
  if (nodes_.empty()) return Error::Format(ErrorCode::kCorrupt, "no node has struct pages");
  return {};
}

MemoryMapPart MemoryMap::Find(uint64_t pfn) {
  if (sections_) return FindInSections(pfn);
  const auto after =
      std::upper_bound(nodes_.begin(), nodes_.end(), pfn,
                       [](uint64_t wanted, const MemoryMapPart& node) { return wanted < node.pfns.begin; });
  if (after != nodes_.begin() && std::prev(after)->pfns.Contains(pfn)) return *std::prev(after);
  const uint64_t begin = after == nodes_.begin() ? 0 : std::prev(after)->pfns.end;
  return {.pfns = {begin, after == nodes_.end() ? UINT64_MAX : after->pfns.begin}, .address = std::nullopt};
}

}  // namespace crashdump
