// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/read_log.h"

namespace crashdump::testing {
namespace {

constexpr uint64_t kPhysical = 0x200000;

}  // namespace

LogText ReadLog(const VmcoreBuilder& builder, const PanicMessagesOptions& options) {
  const Vmcore vmcore = Vmcore::Open(builder.BuildSource()).TakeValue();
  const KernelMemory memory = KernelMemory::Open(vmcore).TakeValue();
  const Result<PanicMessages> messages = PanicMessages::Open(memory);
  LogText log;
  if (!messages.ok()) {
    log.error = messages.error().text();
    return log;
  }
  const auto append = [&](std::string_view piece) -> Result<> {
    log.text.append(piece);
    return {};
  };
  log.summary = messages.value().Write(options, append).TakeValue();
  Require(log.summary.bytes == log.text.size() && log.text.size() <= options.newest_bytes);
  Require(messages.value().Text(options).value() == log.text);
  return log;
}

LogText ReadLog(const KernelLogBlock& log, const PanicMessagesOptions& options) {
  VmcoreBuilder builder = VmcoreOf(log.format());
  log.AddTo(builder, kPhysical);
  return ReadLog(builder, options);
}

VmcoreBuilder VmcoreOf(TargetFormat format) {
  const uint16_t machines[2][2] = {{kElfMachine386, kElfMachineX86_64}, {kElfMachinePpc, kElfMachinePpc64}};
  VmcoreBuilder builder;
  builder.Format(format, machines[format.order == ByteOrder::kBig ? 1 : 0][format.word == WordSize::k64 ? 1 : 0]);
  return builder;
}

}  // namespace crashdump::testing
