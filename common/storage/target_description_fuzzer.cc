// SPDX-License-Identifier: GPL-2.0-or-later
// The overlay's target text: what is accepted survives a round trip and makes a sink that stays inside the region.
#include "common/storage/target_description.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace crashdump;  // NOLINT(google-build-using-namespace)
  const Result<TargetDescription> description = ParseTargetDescription(TextOf(Bytes(data, size)));
  if (!description.ok()) return 0;
  const TargetDescription& target = description.value();
  const Result<Region> region = Region::Create(target.device().region);
  Require(region.ok() && region.value().data().Contains(target.extent()) && target.slot < kSlotCount &&
          target.device().region.end <= target.device().size);
  const Result<TargetDescription> again = ParseTargetDescription(FormatTargetDescription(target));
  Require(again.ok() && again.value() == target);
  return 0;
}
