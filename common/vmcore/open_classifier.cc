// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/open_classifier.h"

#include <string>

#include "common/vmcore/struct_page_classifier.h"

namespace crashdump {
namespace {

Result<OpenedClassifier> Open(const Vmcore& vmcore, const PhysicalMemory& memory) {
  OpenedClassifier opened;
  opened.kernel = std::make_unique<const KernelMemory>(TRY(KernelMemory::Open(vmcore)));
  opened.classifier = TRY(StructPageClassifier::Open(*opened.kernel, memory));
  return opened;
}

}  // namespace

OpenedClassifier OpenClassifier(const Vmcore& vmcore, const PhysicalMemory& memory) {
  Result<OpenedClassifier> opened = Open(vmcore, memory);
  if (opened.ok()) return opened.TakeValue();
  const std::string note = std::string("pages cannot be classified, every page is kept: ") + opened.error().text();
  return {.kernel = nullptr, .classifier = std::make_unique<KeepEveryPage>(note)};
}

}  // namespace crashdump
