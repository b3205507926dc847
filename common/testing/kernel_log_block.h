// SPDX-License-Identifier: GPL-2.0-or-later
// KernelLogBlock: what the builders of logs have in common: all of a log's variables and buffers in one block of a
// crashed kernel's memory, and the VMCOREINFO keys that lead there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/testing/vmcore_builder.h"
#include "common/vmcore/target_data.h"

namespace crashdump::testing {

class KernelLogBlock {
 public:
  virtual ~KernelLogBlock() = default;

  TargetFormat format() const { return format_; }
  // The block as it is now, for tests that damage it.
  std::vector<uint8_t>& memory() { return memory_; }
  // Overwrites an integer of `size` bytes.
  void Store(uint64_t offset, uint32_t size, uint64_t value);
  void StoreWord(uint64_t offset, uint64_t value) { Store(offset, format_.word_bytes(), value); }
  uint64_t Load(uint64_t offset, uint32_t size) const;

  // Adds the block as a PT_LOAD at `physical`, and the keys.
  void AddTo(VmcoreBuilder& vmcore, uint64_t physical) const;
  virtual void AddKeysTo(VmcoreBuilder& vmcore) const = 0;

 protected:
  // The block is mapped at `virtual_address`.
  KernelLogBlock(TargetFormat format, uint64_t virtual_address) : format_(format), virtual_address_(virtual_address) {}
  // SYMBOL(name) for what stands at `offset` of the block.
  void AddSymbol(VmcoreBuilder& vmcore, std::string_view name, uint64_t offset) const;
  // A key with a decimal value, such as "SIZE(log)".
  static void AddNumber(VmcoreBuilder& vmcore, std::string_view key, uint64_t value) {
    vmcore.Info(key, std::to_string(value));
  }

  TargetFormat format_;
  uint64_t virtual_address_;
  std::vector<uint8_t> memory_;
};

}  // namespace crashdump::testing
