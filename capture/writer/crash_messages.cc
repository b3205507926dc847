// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/crash_messages.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "common/base/io.h"
#include "common/vmcore/kernel_memory.h"
#include "common/vmcore/panic_messages.h"
#include "common/vmcore/printable_text.h"
#include "common/vmcore/vmcore.h"

namespace crashdump {
namespace {

// A longer record is refused (LOG_LINE_MAX in kernel/printk/printk.c, devkmsg_write, Linux 6.1: 1024 less a prefix).
constexpr size_t kLongestRecord = 900;

Result<> WriteMessages(const char* vmcore_path, uint64_t newest_bytes, const TextSink& sink) {
  const Vmcore vmcore = TRY(Vmcore::Open(vmcore_path), "%s", vmcore_path);
  const KernelMemory kernel = TRY(KernelMemory::Open(vmcore), "%s", vmcore_path);
  const PanicMessages messages = TRY(PanicMessages::Open(kernel), "%s", vmcore_path);
  TRY(messages.Write({.newest_bytes = newest_bytes, .caller_id = CallerId::kHide},
                     [&](std::string_view piece) { return sink(EscapeControl(piece)); }));
  return {};
}

}  // namespace

Result<> ExtractMessages(const char* vmcore_path, const char* output) {
  const UniqueFd file = TRY(OpenFile(output, O_WRONLY | O_CREAT | O_EXCL, 0600), "%s", output);
  Result<> written = WriteMessages(vmcore_path, UINT64_MAX, [&](std::string_view text) {
    const Result<> put = WriteFull(file.get(), BytesOf(text));
    return put.ok() ? put : put.error().Prefixed("%s", output);
  });
  if (!written.ok()) (void)unlink(output);
  return written;
}

Result<> ShowMessages(const char* vmcore_path, const StatusReporter& status) {
  constexpr uint64_t kNewestBytes = 16 * kKiB;
  std::string newest;
  TRY(WriteMessages(vmcore_path, kNewestBytes, [&](std::string_view text) -> Result<> {
    newest += text;
    return {};
  }));
  status.Messages(newest, kShownMessages);
  return {};
}

Result<> ReplayMessages(const char* vmcore_path, const char* log) {
  const UniqueFd file = TRY(OpenFile(log, O_WRONLY), "%s", log);
  return WriteMessages(vmcore_path, kReplayedBytes, [&](std::string_view text) -> Result<> {
    while (!text.empty()) {
      const std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(line.size() + 1, text.size()));
      // <7>: for debugging, which no console shows unless it is asked to.
      const std::string record = "<7>crashed: " + std::string(line.substr(0, kLongestRecord)) + "\n";
      const ssize_t put = write(file.get(), record.data(), record.size());
      if (put < 0) return Error::Os(errno, "%s", log);
    }
    return {};
  });
}

}  // namespace crashdump
