// SPDX-License-Identifier: GPL-2.0-or-later
// crashdump-capture: started by crashdump-init after a crash. Finds and proves the target, writes the dump, reports.
// Exit status: 0 after a `result` line; 3 if the target could not be proven or the person at the machine said no, so
// that nothing was written; 1 otherwise. Other tasks: --extract-messages FILE, --show-messages, --replay-messages,
// --zstd.
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <string>

#include "capture/writer/capture_run.h"
#include "capture/writer/capture_target.h"
#include "capture/writer/crash_messages.h"
#include "capture/writer/memory_budget.h"
#include "capture/writer/panic_excerpt.h"
#include "capture/writer/zstd_filter.h"
#include "common/base/io.h"
#include "common/base/parse.h"
#include "common/crypto/crypto.h"
#include "common/vmcore/open_classifier.h"

namespace crashdump {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitRefused = 3;
constexpr uint64_t kMaxOverlayFileBytes = kMiB;
// Init's limits come first: it adds some seconds to what it passes on.
constexpr uint64_t kLongestHoldSeconds = kMostWaitSeconds + 60;

std::atomic<bool> stop = false;
int emergency_fd = STDERR_FILENO;

extern "C" void OnTerminate(int) { stop = true; }

// There is nothing to be done without memory that init could not do better.
[[noreturn]] void OnOutOfMemory() {
  constexpr std::string_view kLine = "failed out of memory\n";
  (void)WriteFull(emergency_fd, BytesOf(kLine));
  _exit(kExitFailed);
}

struct Arguments {
  int status_fd = STDERR_FILENO;
  CaptureOptions options;
  SettleLimits settle;
  uint64_t confirm_seconds = 0;  // how long to wait for a yes before the first write; 0: nobody is asked
  std::string vmcore = "/proc/vmcore";
  std::string overlay = "/overlay";
};

// What the person at the kernel command line got wrong must not cost him the dump: a note, and the default.
std::optional<uint64_t> ParseOption(const char* name, const char* value, uint64_t minimum, uint64_t maximum,
                                    const StatusReporter& status) {
  const Result<uint64_t> number = ParseNumber(value);
  if (number.ok() && number.value() >= minimum && number.value() <= maximum) return number.value();
  status.Note(std::string(name) + " " + value + ": ignored, it is not a number from " + std::to_string(minimum) +
              " to " + std::to_string(maximum));
  return std::nullopt;
}

Result<Arguments> ParseArguments(std::span<char* const> given) {
  Arguments arguments = {.options = {.threads = std::min(UsableCpus(), CapturePipeline::kMaxThreads),
                                     .level = TRY(DumpLevel::FromNumber(DumpLevel::kMaximum))}};
  // Where to complain must be known before there is something to complain about.
  for (size_t i = 0; i + 1 < given.size(); i += 2) {
    if (strcmp(given[i], "--status-fd") == 0) {
      const uint64_t fd = TRY(ParseNumber(given[i + 1]), "--status-fd");
      if (fd > INT32_MAX) return Error::Format(ErrorCode::kInvalidArgument, "--status-fd %s", given[i + 1]);
      arguments.status_fd = static_cast<int>(fd);
    }
  }
  const StatusReporter status(arguments.status_fd);
  bool has_attempt = false;
  for (size_t i = 0; i < given.size(); i += 2) {
    const std::string_view name = given[i];
    if (i + 1 == given.size()) return Error::Format(ErrorCode::kInvalidArgument, "no value behind %s", given[i]);
    const char* const value = given[i + 1];
    const auto number = [&](uint64_t minimum, uint64_t maximum) {
      return ParseOption(given[i], value, minimum, maximum, status);
    };
    CaptureOptions& options = arguments.options;
    if (name == "--status-fd") continue;
    if (name == "--attempt") {
      // Not this one: a wrong attempt writes to wrong places.
      options.attempt = static_cast<unsigned>(TRY(ParseNumber(value), "--attempt"));
      has_attempt = options.attempt == 1 || options.attempt == 2;
    } else if (name == "--vmcore") {
      arguments.vmcore = value;
    } else if (name == "--overlay") {
      arguments.overlay = value;
    } else if (name == "--threads") {
      options.threads = static_cast<unsigned>(number(1, CapturePipeline::kMaxThreads).value_or(options.threads));
    } else if (name == "--compression-level") {
      const Result<CompressionLevels> levels = ParseCompressionLevels(value);
      if (levels.ok()) options.compression = levels.value();
      if (!levels.ok()) status.Note(std::string(levels.error().text()) + ": ignored");
    } else if (name == "--hold-seconds") {
      options.hold_seconds = number(0, kLongestHoldSeconds).value_or(0);
    } else if (name == "--confirm-seconds") {
      // Not 0, if it is wrong: who wants to be asked must be.
      arguments.confirm_seconds = number(1, kLongestHoldSeconds).value_or(kLongestHoldSeconds);
    } else if (name == "--device-seconds") {
      // Not less: the machine has to be quiet for a while before its devices are looked at.
      arguments.settle.deadline_milliseconds =
          number(kLeastDeviceSeconds, kMostDeviceSeconds).value_or(arguments.settle.deadline_milliseconds / 1000) *
          1000;
    } else if (name == "--dump-level") {
      options.level = TRY(DumpLevel::FromNumber(number(0, DumpLevel::kMaximum).value_or(DumpLevel::kMaximum)));
    } else {
      status.Note("unknown option " + std::string(name) + " ignored");
    }
  }
  if (!has_attempt) return Error::Format(ErrorCode::kInvalidArgument, "--attempt 1 or --attempt 2 is missing");
  return arguments;
}

Result<std::string> ReadOverlay(const std::string& folder, const char* name) {
  const std::string path = folder + "/" + name;
  return TRY(ReadTextFile(path.c_str(), kMaxOverlayFileBytes), "%s", path.c_str());
}

Result<KeyArming> ReadArming(const std::string& folder) {
  std::string text = TRY(ReadOverlay(folder, "arming"));
  Result<KeyArming> arming = KeyArming::Parse(text);
  Wipe(MutableBytesOf(text));
  if (!arming.ok()) return arming.error().Prefixed("%s/arming", folder.c_str());
  return arming;
}

// For the screen: what crashed, and why.
void ReportCrash(const Vmcore& vmcore, std::string_view messages, const StatusReporter& status) {
  const PanicExcerpt excerpt = FindPanicExcerpt(messages);
  status.Crash("panic", excerpt.panic.empty() ? "The kernel's log tells of no panic." : excerpt.panic);
  status.Crash("cause", excerpt.cause);
  if (const Vmcoreinfo* info = vmcore.vmcoreinfo()) {
    status.Crash("kernel", "Linux " + std::string(info->Find("OSRELEASE").value_or("")));
  }
  status.Crash("machine", excerpt.machine);
  status.Crash("process", excerpt.process);
  for (const std::string& entry : excerpt.trace) status.Crash("trace", entry);
}

Result<int> Capture(const Arguments& arguments, const StatusReporter& status) {
  TRY(InitializeCrypto());
  status.Stage("vmcore");
  const Vmcore vmcore = TRY(Vmcore::Open(arguments.vmcore.c_str()), "%s", arguments.vmcore.c_str());
  for (const std::string& warning : vmcore.warnings()) status.Note(warning);
  const PhysicalMemory memory(vmcore);
  DumpContents contents = GatherContents(vmcore, memory, arguments.options.level, kCaptureLogBytes);
  ReportCrash(vmcore, contents.messages, status);

  status.Stage("target");
  const auto refuse = [&](const Error& error) {
    status.Messages(contents.messages, kShownMessages);
    status.Failed(error.text());
    return kExitRefused;
  };
  const Result<KeyArming> arming = ReadArming(arguments.overlay);
  if (!arming.ok()) return refuse(arming.error());
  const Result<std::string> description = ReadOverlay(arguments.overlay, "target");
  if (!description.ok()) return refuse(description.error());
  const Result<std::unique_ptr<CaptureTarget>> target =
      CaptureTarget::Find(description.value(), arguments.options.attempt, arguments.settle);
  if (!target.ok()) return refuse(target.error());
  const Result<> same = target.value()->CheckPlaces(arming.value());
  if (!same.ok()) return refuse(same.error());
  status.Target(target.value()->Describe());
  if (arguments.confirm_seconds != 0) {
    status.Confirm(target.value()->DescribeProof());
    if (!status.AwaitYes(arguments.confirm_seconds)) {
      status.Messages(contents.messages, kShownMessages);
      status.Failed("the answer was no: nothing was written");
      return kExitRefused;
    }
  }

  status.Stage("messages");
  const OpenedClassifier opened = OpenClassifier(vmcore, memory);
  const WriteDumpOutcome outcome =
      TRY(RunCapture({.vmcore = vmcore, .memory = memory, .classifier = *opened.classifier}, std::move(contents),
                     arming.value(), target.value()->sink(), arguments.options, stop, status));
  ReportResult(outcome, status);
  return 0;
}

// What is asked for by one word instead of --attempt; nothing if it is none of these.
std::optional<Result<>> OtherTask(std::span<char* const> given) {
  constexpr const char* kVmcore = "/proc/vmcore";
  const std::string_view name = given.empty() ? std::string_view() : given[0];
  if (name == "--extract-messages") {
    if (given.size() == 2) return ExtractMessages(kVmcore, given[1]);
    return Error::Format(ErrorCode::kInvalidArgument, "--extract-messages needs one FILE, and nothing else");
  }
  if (name == "--show-messages") {
    // Init's pipe (capture/README.md).
    if (given.size() == 1) return ShowMessages(kVmcore, StatusReporter(STDERR_FILENO));
    return Error::Format(ErrorCode::kInvalidArgument, "--show-messages takes nothing else");
  }
  if (name == "--replay-messages") {
    if (given.size() == 1) return ReplayMessages(kVmcore, "/dev/kmsg");
    return Error::Format(ErrorCode::kInvalidArgument, "--replay-messages takes nothing else");
  }
  if (name == "--zstd") return FilterZstd(given.subspan(1), STDIN_FILENO, STDOUT_FILENO);
  return std::nullopt;
}

int Main(std::span<char* const> given) {
  std::set_new_handler(OnOutOfMemory);
  if (const std::optional<Result<>> task = OtherTask(given)) {
    if (task->ok()) return 0;
    (void)dprintf(STDERR_FILENO, "crashdump-capture: %s\n", task->error().text());
    return kExitFailed;
  }
  (void)signal(SIGPIPE, SIG_IGN);
  (void)signal(SIGTERM, OnTerminate);
  const Result<Arguments> arguments = ParseArguments(given);
  if (!arguments.ok()) {
    StatusReporter(STDERR_FILENO).Failed(arguments.error().text());
    return kExitFailed;
  }
  emergency_fd = arguments.value().status_fd;
  const StatusReporter status(emergency_fd);
  const Result<int> exit_status = Capture(arguments.value(), status);
  if (exit_status.ok()) return exit_status.value();
  status.Failed(exit_status.error().text());
  return kExitFailed;
}

}  // namespace
}  // namespace crashdump

int main(int argc, char** argv) {
  return crashdump::Main(std::span<char* const>(argv, static_cast<size_t>(argc)).subspan(argc > 0 ? 1 : 0));
}
