// SPDX-License-Identifier: GPL-2.0-or-later
// TablePages: a piece of a crashed machine's memory with page tables and other records of its kernel, and what the
// kernel's addresses lead to by them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/testing/vmcore_builder.h"
#include "common/vmcore/kernel_mappings.h"

namespace crashdump::testing {

class TablePages {
 public:
  // `pages` pages of 4 KiB from `physical` on, whose entries have so many bytes of that order.
  TablePages(uint64_t physical, uint64_t pages, uint32_t entry_bytes = 8, ByteOrder order = ByteOrder::kLittle)
      : physical_(physical), entry_bytes_(entry_bytes), order_(order), bytes_(pages * kPageBytes) {}

  static constexpr uint64_t kPageBytes = 4096;

  void Set(uint64_t page, uint64_t index, uint64_t entry) {
    Store(page * kPageBytes + index * entry_bytes_, entry_bytes_, entry, order_);
  }
  // Any integer, of any order.
  void Store(uint64_t offset, uint32_t size, uint64_t value, ByteOrder order) {
    StoreInteger(MutableBytes(bytes_).subspan(offset, size), value, order);
  }
  // The physical address of a page.
  uint64_t At(uint64_t page) const { return physical_ + page * kPageBytes; }

  // As in files from QEMU unless `virtual_address` is given.
  void AddTo(VmcoreBuilder& vmcore, uint64_t virtual_address = 0) const {
    vmcore.AddLoad({.physical = physical_, .data = bytes_, .virtual_address = virtual_address});
  }

 private:
  uint64_t physical_;
  uint32_t entry_bytes_;
  ByteOrder order_;
  std::vector<uint8_t> bytes_;
};

// Where the kernel's own records lead, as "0x7654123" or, with how much follows, "0x7654123+0xedd"; or the error.
std::string TranslateText(const VmcoreBuilder& vmcore, uint64_t virtual_address);
std::string TranslateSpanText(const VmcoreBuilder& vmcore, uint64_t virtual_address);

}  // namespace crashdump::testing
