// SPDX-License-Identifier: GPL-2.0-or-later
// Key records from arbitrary text: what is accepted must come back the same.
#include <string>

#include "common/base/bytes.h"
#include "common/format/key_record.h"
#include "common/testing/dump_builder.h"

namespace crashdump {
namespace {

std::string GoodRecord() {
  KeyRecord record;
  record.credentials = TestCredentials(7);
  record.slot_offset = 64 * kMiB;
  record.extent = {4096, 8192};
  record.boot_id = "a-b";
  record.swap_uuid = "c-d";
  record.recovered.resize(1);
  record.hints = {{"device.serial", "x"}};
  return record.ToText();
}

std::string GoodArming() {
  KeyArming arming;
  arming.credentials = TestCredentials(7);
  arming.slot_offset = 64 * kMiB;
  return arming.ToText();
}

// A good text with bytes replaced: three bytes of input each, offset and value.
std::string Changed(std::string text, Bytes changes) {
  for (; changes.size() >= 3; changes = changes.subspan(3)) {
    text[(changes[0] + size_t{256} * changes[1]) % text.size()] = static_cast<char>(changes[2]);
  }
  return text;
}

void Check(std::string_view text) {
  if (const Result<KeyRecord> record = KeyRecord::Parse(text); record.ok()) {
    const Result<KeyRecord> again = KeyRecord::Parse(record.value().ToText());
    Require(again.ok() && again.value().ToText() == record.value().ToText());
    for (uint32_t attempt = 1; attempt <= kAttempts; ++attempt) {
      Require(CheckLayout(record.value().Layout(attempt)).ok());
    }
  }
  if (const Result<KeyArming> arming = KeyArming::Parse(text); arming.ok()) {
    const Result<KeyArming> again = KeyArming::Parse(arming.value().ToText());
    Require(again.ok() && again.value().ToText() == arming.value().ToText());
  }
}

}  // namespace
}  // namespace crashdump

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace crashdump;
  static const std::string record = GoodRecord();
  static const std::string arming = GoodArming();
  const Bytes input(data, size);
  Check(TextOf(input));
  Check(Changed(record, input));
  Check(Changed(arming, input));
  return 0;
}
