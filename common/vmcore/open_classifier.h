// SPDX-License-Identifier: GPL-2.0-or-later
// OpenClassifier: the best classifier for a vmcore.
#pragma once

#include <memory>

#include "common/vmcore/kernel_memory.h"
#include "common/vmcore/page_class.h"
#include "common/vmcore/physical_memory.h"

namespace crashdump {

struct OpenedClassifier {
  std::unique_ptr<const KernelMemory> kernel;  // what the classifier reads; null if it reads nothing
  std::unique_ptr<PageClassifier> classifier;  // never null
};

// Never fails: if the kernel's struct pages cannot be used, every page is kept, and a note of the classifier says why.
// `vmcore` and `memory` must outlive what is returned.
OpenedClassifier OpenClassifier(const Vmcore& vmcore, const PhysicalMemory& memory);

}  // namespace crashdump
