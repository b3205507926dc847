// SPDX-License-Identifier: GPL-2.0-or-later
// KernelMappings: how the addresses of a crashed kernel are translated on its machine. Each machine has a file of its
// own; OpenKernelMappings chooses.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "common/base/result.h"
#include "common/vmcore/address_translation.h"
#include "common/vmcore/vmcore.h"

namespace crashdump {

// Tried in this order.
struct KernelMappings {
  std::vector<LinearMapping> linear;
  std::unique_ptr<const AddressTranslation> translation;
  std::optional<Error> no_translation;  // why there is none

  // The linear mapping that the address is in, or null.
  const LinearMapping* Find(uint64_t virtual_address) const {
    for (const LinearMapping& mapping : linear) {
      if (mapping.virtual_range.Contains(virtual_address)) return &mapping;
    }
    return nullptr;
  }
  void SetTranslation(Result<std::unique_ptr<const AddressTranslation>> opened) {
    if (opened.ok()) {
      translation = opened.TakeValue();
    } else {
      no_translation = opened.error();
    }
  }
};

// By the vmcore's machine: the PT_LOADs that state virtual addresses, what its kernels map linearly, and their records
// of the rest. Never fails: what cannot be had is missing. `vmcore` must outlive what is returned.
KernelMappings OpenKernelMappings(const Vmcore& vmcore, const Vmcoreinfo& vmcoreinfo);

}  // namespace crashdump
