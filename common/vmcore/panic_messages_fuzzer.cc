// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as the memory of a log. The first byte of the input chooses the form, the word size and the byte order; the
// rest are changes to a good log, so that small ones reach deep.
// Fuzzes: panic_messages.cc printk_ring.cc printk_log.cc plain_log.cc
#include "common/testing/fuzzer.h"
#include "common/testing/plain_log_builder.h"
#include "common/testing/printk_builder.h"
#include "common/testing/printk_log_builder.h"
#include "common/testing/read_log.h"

namespace crashdump {
namespace {

constexpr uint8_t kForms = 4;
constexpr unsigned kCountBits = 3;
constexpr unsigned kTextBits = 8;
constexpr uint64_t kBufferBytes = 256;

std::unique_ptr<testing::KernelLogBlock> GoodLog(uint8_t choice) {
  using testing::kLogVirtual;
  const TargetFormat format = testing::kLogFormats[choice / kForms % std::size(testing::kLogFormats)];
  const auto fill = [](auto log) {
    for (const char* text : {"one", "a longer line", "two\nlines", "x", "the last words of a machine"}) {
      log->Add(text).Add(text);
    }
    return log;
  };
  using Keys = testing::PrintkLogBuilder::Keys;
  switch (choice % kForms) {
    case 0:
      return fill(std::make_unique<testing::PrintkBuilder>(format, kLogVirtual, kCountBits, kTextBits));
    case 1:
      return fill(std::make_unique<testing::PrintkLogBuilder>(format, kLogVirtual, kBufferBytes, Keys::kPrintkLog));
    case 2:
      return fill(
          std::make_unique<testing::PrintkLogBuilder>(format, kLogVirtual, kBufferBytes, Keys::kPrintkLogAndCaller));
    default:
      return fill(std::make_unique<testing::PlainLogBuilder>(format, kLogVirtual, kBufferBytes));
  }
}

void Run(Bytes input) {
  if (input.empty()) return;
  const std::unique_ptr<testing::KernelLogBlock> log = GoodLog(input[0]);
  testing::Overwrite(log->memory(), input.subspan(1));
  const testing::LogText all = testing::ReadLog(*log, {.caller_id = CallerId::kShow});
  // As much of the newest as fits, to the byte where a record begins.
  constexpr uint64_t kLimit = 100;
  const testing::LogText newest = testing::ReadLog(*log, {.newest_bytes = kLimit, .caller_id = CallerId::kShow});
  Require(newest.error == all.error && newest.text.size() <= kLimit && all.text.ends_with(newest.text));
  Require(newest.summary.left_out + newest.summary.records == all.summary.records);
}

std::vector<testing::FuzzerInput> Seeds() {
  std::vector<testing::FuzzerInput> seeds;
  constexpr uint8_t kChoices = kForms * std::size(testing::kLogFormats);
  for (uint8_t choice = 0; choice < kChoices; ++choice) {
    seeds.push_back({choice});
    // The variables of the older forms, and some bytes of each.
    seeds.push_back({choice, 8, 0, 0, 12, 0, 1, 16, 0, 0xff, 40, 0, 0, 44, 0, 0x80, 100, 0, 0xff, 200, 0, 0});
    const testing::LogText log = testing::ReadLog(*GoodLog(choice));
    Require(log.error.empty() && log.summary.records >= 3 && log.summary.damaged == 0);
  }
  return seeds;
}

const testing::Fuzzer fuzzer("panic_messages", Run, Seeds);

}  // namespace
}  // namespace crashdump
