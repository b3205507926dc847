// SPDX-License-Identifier: GPL-2.0-or-later
// Kernel command lines. Whatever stands there, init gets options that it can work with, and the capture program
// arguments in pairs.
// Fuzzes: capture_options.cc
#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/options/capture_options.h"
#include "common/testing/fuzzer.h"

namespace crashdump {
namespace {

constexpr uint64_t kWeekMs = uint64_t{7} * 24 * 3600 * 1000;

void Run(Bytes input) {
  const ParsedOptions parsed = ParseOptions(TextOf(input));
  const Options& options = parsed.options;
  Require(options.stall_ms >= 1000 && options.stall_ms <= kWeekMs && options.hold_ms >= 1000);
  Require(options.timeout_ms <= kWeekMs && options.linger_ms <= kWeekMs);
  Require(options.hold_ms <= kMostWaitSeconds * 1000 && options.confirm_ms <= kMostWaitSeconds * 1000);
  Require(options.shell == ShellTime::kNever || options.linger_ms > 0);
  // It becomes part of a path below /dev.
  Require(options.status_port.find('/') == std::string::npos && !options.status_port.starts_with('.'));
  Require(options.hold.empty() || !options.status_port.empty());
  Require(options.capture_arguments.size() % 2 == 0 && options.capture_arguments.size() <= 8);
  for (size_t i = 0; i < options.capture_arguments.size(); i += 2) {
    Require(options.capture_arguments[i].starts_with("--") && !options.capture_arguments[i + 1].empty());
  }
}

std::vector<testing::FuzzerInput> Seeds() {
  return {
      testing::FuzzerInputOf("crashdump.screen=brown crashdump.screen=plain crashdump.screen=off crashdump.final=halt"),
      testing::FuzzerInputOf("ro quiet crashdump.timeout=300 crashdump.stall=10 crashdump.linger=0 panic=10\n"),
      testing::FuzzerInputOf("crashdump.status_port=ttyS1 crashdump.hold=start,messages-safe,reboot:120"),
      testing::FuzzerInputOf("crashdump.device_wait=6 crashdump.threads=2 crashdump.compression_level=1"),
      testing::FuzzerInputOf(
          "crashdump.confirm=30 crashdump.confirm_default=no crashdump.shell crashdump.shell=before"),
      testing::FuzzerInputOf("crashdump.pstore crashdump.pstore=no crashdump.shell=on-failure crashdump.linger=60"),
      testing::FuzzerInputOf("crashdump.dump_level=\"31\" crashdump.dump_level=1 a=\"b crashdump.stall=1\"")};
}

const testing::Fuzzer fuzzer("capture_options", Run, Seeds);

}  // namespace
}  // namespace crashdump
