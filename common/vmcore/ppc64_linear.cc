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

LinearMapping Ppc64LinearMapping(const Vmcore& vmcore) {
  uint64_t end = 0;
  for (const ElfSegment& load : vmcore.loads()) end = std::max(end, load.physical().end);
  return {.virtual_range = {kPpc64LinearBase, kPpc64LinearBase + std::min(end, kMaxBytes)}, .physical = 0};
}

Result<uint64_t> Ppc64LinearToPhysical(const Vmcore& vmcore, uint64_t address) {
  const LinearMapping linear = Ppc64LinearMapping(vmcore);
  if (!linear.virtual_range.Contains(address)) {
    return Error::Format(ErrorCode::kCorrupt, "0x%" PRIx64 " is no address of memory", address);
  }
  return linear.Translate(address).address;
}

Result<uint64_t> ReadPpc64Linear(const Vmcore& vmcore, uint64_t address, uint32_t size) {
  std::array<uint8_t, 8> buffer;
  Require(size >= 1 && size <= buffer.size());
  const MutableBytes bytes = MutableBytes(buffer).first(size);
  const uint64_t physical = TRY(Ppc64LinearToPhysical(vmcore, address));
  TRY(vmcore.ReadPhysical(physical, bytes));
  return LoadInteger(bytes, vmcore.format().order);
}

}  // namespace crashdump
