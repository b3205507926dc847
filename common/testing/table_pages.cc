// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/table_pages.h"

#include <cinttypes>
#include <cstdio>

namespace crashdump::testing {
namespace {

Result<PhysicalSpan> Translate(const VmcoreBuilder& builder, uint64_t virtual_address) {
  const Vmcore vmcore = Vmcore::Open(builder.BuildSource()).TakeValue();
  const KernelMappings mappings = OpenKernelMappings(vmcore, *vmcore.vmcoreinfo());
  Require((mappings.translation == nullptr) == mappings.no_translation.has_value());
  if (mappings.translation == nullptr) return *mappings.no_translation;
  return mappings.translation->Translate(virtual_address);
}

std::string Hex(uint64_t value) {
  char text[32];
  (void)snprintf(text, sizeof(text), "0x%" PRIx64, value);
  return text;
}

}  // namespace

std::string TranslateText(const VmcoreBuilder& vmcore, uint64_t virtual_address) {
  const Result<PhysicalSpan> span = Translate(vmcore, virtual_address);
  return span.ok() ? Hex(span.value().address) : span.error().text();
}

std::string TranslateSpanText(const VmcoreBuilder& vmcore, uint64_t virtual_address) {
  const Result<PhysicalSpan> span = Translate(vmcore, virtual_address);
  return span.ok() ? Hex(span.value().address) + "+" + Hex(span.value().bytes) : span.error().text();
}

}  // namespace crashdump::testing
