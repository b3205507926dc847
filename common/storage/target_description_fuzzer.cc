// SPDX-License-Identifier: GPL-2.0-or-later
// The overlay's target text: what is accepted survives a round trip and makes a sink that stays inside the region.
// Fuzzes: target_description.cc
#include "common/storage/target_description.h"
#include "common/testing/fuzzer.h"
#include "common/testing/target_builder.h"

namespace crashdump {
namespace {

void Run(Bytes input) {
  const Result<TargetDescription> description = ParseTargetDescription(TextOf(input));
  if (!description.ok()) return;
  const TargetDescription& target = description.value();
  const Result<Region> region = Region::Create(target.device().region);
  Require(region.ok() && region.value().data().Contains(target.extent()) && target.slot < kSlotCount &&
          target.device().region.end <= target.device().size);
  const Result<TargetDescription> again = ParseTargetDescription(FormatTargetDescription(target));
  Require(again.ok() && again.value() == target);
}

std::vector<testing::FuzzerInput> Seeds() {
  Require(InitializeCrypto().ok());
  TargetDescription description = TargetBuilder().Build().description;
  const std::string usual = FormatTargetDescription(description);
  description.slot = 7;
  description.devices[0].serial = std::string(" a\0b\n=\xff ", 8);
  description.devices[0].part_uuid.clear();
  description.extents[0].range = {8192, 8192};
  return {testing::FuzzerInputOf(usual), testing::FuzzerInputOf(FormatTargetDescription(description))};
}

const testing::Fuzzer fuzzer("target_description", Run, Seeds);

}  // namespace
}  // namespace crashdump
