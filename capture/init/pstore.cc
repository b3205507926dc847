// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/pstore.h"

#include <sys/wait.h>

#include <string>

#include "capture/init/clock.h"
#include "common/base/io.h"
#include "common/base/parse.h"

namespace crashdump {
namespace {

constexpr uint64_t kReplayMs = 60'000;

}  // namespace

Result<std::string> PstoreBackend(const PstorePaths& paths) {
  const Result<std::string> text = ReadTextFile(paths.backend, 256);
  std::string name(text.ok() ? TrimSpace(text.value()) : "");
  if (!name.empty() && name != "(null)") return name;
  return Error::Format(ErrorCode::kNotFound, "this kernel has no driver for a memory of that kind in this machine");
}

Result<> KeepMessagesInPstore(InitContext& init, const char* capture_program, const PstorePaths& paths) {
  const std::string backend = TRY(PstoreBackend(paths));
  // Else ten lines in five seconds are taken (devkmsg_write in kernel/printk/printk.c, Linux 6.1; it wants the
  // newline).
  // printk.devkmsg= on the command line locks it, even if it is on.
  const Result<> unlimited = WriteExistingFile(paths.log_limit, "on\n");
  const Result<std::string> limit = ReadTextFile(paths.log_limit, 64);
  if (!unlimited.ok() && !(limit.ok() && TrimSpace(limit.value()) == "on")) {
    return unlimited.error().Prefixed("%s", paths.log_limit);
  }
  const std::vector<std::string> arguments = {"--replay-messages"};
  const ChildProcess child = TRY(ChildProcess::Start(capture_program, arguments));
  const std::optional<int> status = WaitForEnd(init, child, NowMs() + kReplayMs);
  if (!status) {
    child.Kill();
    return Error::Format(ErrorCode::kTimeout, "the messages were not read in time");
  }
  if (!WIFEXITED(*status) || WEXITSTATUS(*status) != 0) {
    return Error::Format(ErrorCode::kOs, "the messages could not be read");
  }
  // Otherwise the kernel keeps what it says when it panics, but not when it reboots (kmsg_dump(), the same file).
  TRY(WriteExistingFile(paths.always_dump, "Y"), "%s", paths.always_dump);
  init.port.Line("pstore %s", backend.c_str());
  return {};
}

}  // namespace crashdump
