// SPDX-License-Identifier: GPL-2.0-or-later
// info.json from arbitrary bytes: what is accepted comes back the same.
// Fuzzes: dump_info.cc
#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/testing/fuzzer.h"
#include "recover/dump_info.h"

namespace crashdump {
namespace {

void Run(Bytes input) {
  Result<DumpInfo> info = DumpInfo::Parse(TextOf(input));
  if (!info.ok()) return;
  const std::string json = info.value().ToJson();
  for (const char character : json) Require(character == '\n' || (character >= 0x20 && character < 0x7f));
  const Result<DumpInfo> again = DumpInfo::Parse(json);
  Require(again.ok() && again.value().ToJson() == json);
}

std::vector<testing::FuzzerInput> Seeds() {
  DumpInfo info;
  info.attempt_id = "00112233445566778899aabbccddeeff";
  info.release = "6.1.0-test\x01\xff\"\\";
  info.machine = "x86_64";
  info.crash_time = 1'700'000'000;
  info.state = "torn";
  info.reason = "it ends";
  info.vmcore_format = "kdump";
  info.machine_facts = "a=b\nc=d\n";
  Require(DumpInfo::Parse(info.ToJson()).ok());
  return {testing::FuzzerInputOf(info.ToJson())};
}

const testing::Fuzzer fuzzer("dump_info", Run, Seeds);

}  // namespace
}  // namespace crashdump
