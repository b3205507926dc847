// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/ppc64_linear.h"

#include <algorithm>
#include <array>
#include <cinttypes>

namespace crashdump {
namespace {

// MAX_PHYSMEM_BITS of arch/powerpc has never been more.
constexpr uint64_t kMaxBytes = uint64_t{1} << 51;

}  // namespace

Ppc64Linear::Ppc64Linear(const Vmcore& vmcore) : vmcore_(&vmcore) {
  uint64_t end = 0;
  for (const ElfSegment& load : vmcore.loads()) end = std::max(end, load.physical().end);
  mapping_ = {.virtual_range = {kBase, kBase + std::min(end, kMaxBytes)}, .physical = 0};
}

Result<uint64_t> Ppc64Linear::ToPhysical(uint64_t address) const {
  if (!mapping_.virtual_range.Contains(address)) {
    return Error::Format(ErrorCode::kCorrupt, "0x%" PRIx64 " is no address of memory", address);
  }
  return mapping_.Translate(address).address;
}

Result<uint64_t> Ppc64Linear::ReadInteger(uint64_t address, uint32_t size) const {
  std::array<uint8_t, 8> buffer;
  Require(size >= 1 && size <= buffer.size());
  const MutableBytes bytes = MutableBytes(buffer).first(size);
  const uint64_t physical = TRY(ToPhysical(address));
  TRY(vmcore_->ReadPhysical(physical, bytes));
  return LoadInteger(bytes, vmcore_->format().order);
}

}  // namespace crashdump
