// SPDX-License-Identifier: GPL-2.0-or-later
// The hints of a key record, as lines "name=value".
// Fuzzes: device_hints.cc
#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/text_record.h"
#include "common/storage/device_hints.h"
#include "common/testing/fuzzer.h"
#include "common/testing/target_builder.h"

namespace crashdump {
namespace {

// As a key record, which is a TextRecord, gives them.
HintList ListOf(std::string_view text) {
  const Result<TextRecord> record = TextRecord::Parse(text);
  return record.ok() ? HintList(record.value().lines()) : HintList();
}

void Run(Bytes input) {
  const Result<DeviceHints> hints = ParseHints(ListOf(TextOf(input)));
  if (!hints.ok()) return;
  Require(hints.value().region.begin <= hints.value().region.end && hints.value().logical_block_size <= 4096);
  // Nothing on a device of another size is the recorded one's.
  DeviceIdentity identity;
  identity.size = hints.value().device_size + 512;
  Require(!SameDevice(hints.value(), identity));
}

std::vector<testing::FuzzerInput> Seeds() {
  Require(InitializeCrypto().ok());
  std::string text;
  for (const auto& [name, value] : HintsOf(TargetBuilder().Build().description.device()))
    text.append(name).append("=").append(value).append("\n");
  Require(ParseHints(ListOf(text)).ok());
  return {testing::FuzzerInputOf(text)};
}

const testing::Fuzzer fuzzer("device_hints", Run, Seeds);

}  // namespace
}  // namespace crashdump
