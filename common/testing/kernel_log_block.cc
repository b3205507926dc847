// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/kernel_log_block.h"

#include <cinttypes>
#include <cstdio>

namespace crashdump::testing {

void KernelLogBlock::Store(uint64_t offset, uint32_t size, uint64_t value) {
  StoreInteger(MutableBytes(memory_).subspan(offset, size), value, format_.order);
}

uint64_t KernelLogBlock::Load(uint64_t offset, uint32_t size) const {
  return LoadInteger(Bytes(memory_).subspan(offset, size), format_.order);
}

void KernelLogBlock::AddTo(VmcoreBuilder& vmcore, uint64_t physical) const {
  vmcore.AddLoad({.physical = physical, .data = memory_, .virtual_address = virtual_address_});
  AddKeysTo(vmcore);
}

void KernelLogBlock::AddSymbol(VmcoreBuilder& vmcore, std::string_view name, uint64_t offset) const {
  char address[32];
  (void)snprintf(address, sizeof(address), "%" PRIx64, virtual_address_ + offset);
  vmcore.Info(std::string("SYMBOL(").append(name).append(")"), address);
}

}  // namespace crashdump::testing
