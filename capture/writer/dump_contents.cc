// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/dump_contents.h"

#include <algorithm>

#include "capture/writer/capture_log.h"
#include "capture/writer/machine_facts.h"
#include "common/vmcore/kernel_memory.h"
#include "common/vmcore/panic_messages.h"

namespace crashdump {
namespace {

Result<PanicMessagesSummary> ReadMessages(const Vmcore& vmcore, uint64_t newest_bytes, std::string& text) {
  const KernelMemory kernel = TRY(KernelMemory::Open(vmcore));
  const PanicMessages messages = TRY(PanicMessages::Open(kernel));
  // Address space only; growing by doubling would need half as much again for a moment.
  constexpr uint64_t kMostReserved = 4 * kMiB;
  text.reserve(static_cast<size_t>(std::min(newest_bytes, kMostReserved)));
  return messages.Write({.newest_bytes = newest_bytes, .caller_id = CallerId::kHide}, [&](std::string_view piece) {
    text += piece;
    return Result<>();
  });
}

}  // namespace

DumpContents GatherContents(const Vmcore& vmcore, const PhysicalMemory& memory, DumpLevel level,
                            uint64_t newest_bytes) {
  DumpContents contents;
  TextRecord facts = MachineFacts(vmcore, memory, level);
  if (const Vmcoreinfo* info = vmcore.vmcoreinfo()) {
    contents.vmcoreinfo = info->text();
    if (const Result<uint64_t> time = info->CrashTime(); time.ok()) contents.crash_time = time.value();
  }
  const Result<PanicMessagesSummary> read = ReadMessages(vmcore, newest_bytes, contents.messages);
  if (read.ok()) {
    contents.messages_left_out = read.value().left_out;
    facts.AddNumber("messages_records", read.value().records);
    if (read.value().left_out != 0) facts.AddNumber("messages_left_out", read.value().left_out);
    if (read.value().damaged != 0) facts.AddNumber("messages_damaged", read.value().damaged);
  } else {
    contents.messages_error = read.error();
    facts.Add("messages_error", OneLine(read.error().text()));
  }
  contents.machine_facts = facts.ToString();
  return contents;
}

}  // namespace crashdump
