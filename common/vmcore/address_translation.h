// SPDX-License-Identifier: GPL-2.0-or-later
// From the crashed kernel's virtual addresses to physical ones: what every way of translating them gives.
#pragma once

#include <cstdint>

#include "common/base/result.h"
#include "common/base/units.h"

namespace crashdump {

// Consecutive physical memory that consecutive virtual addresses lead to.
struct PhysicalSpan {
  uint64_t address = 0;
  uint64_t bytes = 0;  // from there on, at least 1
};

// Virtual addresses of consecutive physical memory, known as a whole.
struct LinearMapping {
  Range virtual_range;
  uint64_t physical = 0;

  PhysicalSpan Translate(uint64_t virtual_address) const {
    return {.address = physical + (virtual_address - virtual_range.begin),
            .bytes = virtual_range.end - virtual_address};
  }
};

// The crashed kernel's own records of what its addresses lead to: page tables, or lists.
class AddressTranslation {
 public:
  virtual ~AddressTranslation() = default;
  // Where the address leads, up to the end of what is mapped with it. kNotFound if it is not mapped; else the error of
  // reading the records. Bounded, whatever they hold. Safe to call from several threads.
  virtual Result<PhysicalSpan> Translate(uint64_t virtual_address) const = 0;
};

}  // namespace crashdump
