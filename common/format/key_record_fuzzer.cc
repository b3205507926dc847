// SPDX-License-Identifier: GPL-2.0-or-later
// Key records from arbitrary text: what is accepted must come back the same.
// Fuzzes: key_record.cc
#include <string>

#include "common/base/bytes.h"
#include "common/format/key_record.h"
#include "common/testing/dump_builder.h"
#include "common/testing/fuzzer.h"

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

std::string Changed(std::string text, Bytes changes) {
  testing::Overwrite(MutableBytesOf(text), changes);
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

void Run(Bytes input) {
  static const std::string record = GoodRecord();
  static const std::string arming = GoodArming();
  Check(TextOf(input));
  Check(Changed(record, input));
  Check(Changed(arming, input));
}

std::vector<testing::FuzzerInput> Seeds() {
  Require(KeyRecord::Parse(GoodRecord()).ok() && KeyArming::Parse(GoodArming()).ok());
  return {testing::FuzzerInputOf(GoodRecord()), testing::FuzzerInputOf(GoodArming()), {0, 0, '0', 40, 0, 'x'}};
}

const testing::Fuzzer fuzzer("key_record", Run, Seeds);

}  // namespace
}  // namespace crashdump
