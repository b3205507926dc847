// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/testing/world_capture.h"

#include <sys/mman.h>

#include <atomic>
#include <utility>

#include "capture/writer/capture_run.h"
#include "capture/writer/capture_target.h"
#include "common/base/io.h"
#include "common/testing/system_calls.h"
#include "common/vmcore/printable_text.h"

namespace crashdump {
namespace {

DumpLevel Level() { return DumpLevel::FromNumber(DumpLevel::kZero).TakeValue(); }

// crashdump-capture from its target on; the errors before "messages safe".
Result<WriteDumpOutcome> RunAttempt(LifeCycleWorld& world, const CaptureRecord& record, const Vmcore& vmcore,
                                    const DumpContents& contents, AttemptRecord& attempt,
                                    const StatusReporter& status) {
  std::vector<DeviceIdentity> identities = TRY(world.machine().FindSwaps(record.target.device().swap_uuid));
  std::vector<FoundDevice> found;
  for (DeviceIdentity& identity : identities) {
    std::unique_ptr<BlockDevice> device = TRY(world.machine().OpenDevice(identity, OpenMode::kExclusive));
    found.push_back({std::move(identity), std::move(device)});
  }
  const auto target = CaptureTarget::Choose(record.target, std::move(found), attempt.attempt);
  const Result<> proven = target.ok() ? target.value()->CheckPlaces(record.arming) : Result<>(target.error());
  if (!proven.ok()) {
    attempt.refusal = proven.error().text();
    return proven.error();
  }
  const PhysicalMemory memory(vmcore);
  KeepEveryPage classifier;
  const std::atomic<bool> stop = false;
  // One thread: in what order chunks are done must follow from the seed.
  return RunCapture({.vmcore = vmcore, .memory = memory, .classifier = classifier}, contents, record.arming,
                    target.value()->sink(), {.attempt = attempt.attempt, .threads = 1, .level = Level()}, stop, status);
}

void SetTrouble(LifeCycleWorld& world, const CaptureTrouble& trouble) {
  using Kind = FakeBlockDevice::Kind;
  using Fault = FakeBlockDevice::Fault;
  const Fault fault = trouble.moment == PowerSwitch::Moment::kBefore ? Fault::kError : Fault::kShort;
  switch (trouble.kind) {
    case CaptureTrouble::Kind::kNone:
    case CaptureTrouble::Kind::kAllocationFails:
      return;
    case CaptureTrouble::Kind::kKilled:
    case CaptureTrouble::Kind::kPowerCut:
      return world.power().CutAt(trouble.step, trouble.moment);
    case CaptureTrouble::Kind::kWriteFails:
      return world.disk().FailAt(Kind::kWrite, trouble.step, fault);
    case CaptureTrouble::Kind::kFlushFails:
      return world.disk().FailAt(Kind::kFlush, trouble.step, Fault::kError);
    case CaptureTrouble::Kind::kReadFails:
      return world.disk().FailAt(Kind::kRead, trouble.step, fault);
  }
}

std::string ReadAll(int fd) {
  std::string text(64 * kKiB, '\0');
  const ssize_t count = pread(fd, text.data(), text.size(), 0);
  text.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return text;
}

AttemptRecord Attempt(LifeCycleWorld& world, const CaptureRecord& record, const Vmcore& vmcore,
                      const DumpContents& contents, unsigned number, std::optional<uint64_t> allocation_fails) {
  AttemptRecord attempt;
  attempt.attempt = number;
  const UniqueFd status(memfd_create("status", MFD_CLOEXEC));
  world.disk().ClearLog();
  world.disk().KeepDataInLog(true);
  AllocationFault allocations(allocation_fails);
  const Result<WriteDumpOutcome> outcome =
      RunAttempt(world, record, vmcore, contents, attempt, StatusReporter(status.get()));
  attempt.allocations = allocations.count();
  // Without memory for pages there are none, and the dump says so.
  const bool wants_pages = number == 1 && !record.arming.extent.empty();
  attempt.committed =
      outcome.ok() && !outcome.value().error && (!wants_pages || outcome.value().result != DumpResult::kMessagesOnly);
  attempt.messages_safe = ("\n" + ReadAll(status.get())).find("\nmessages-safe\n") != std::string::npos;
  attempt.operations = world.disk().Log();
  attempt.reads = world.disk().CountOf(FakeBlockDevice::Kind::kRead);
  std::erase_if(attempt.operations, [](const FakeBlockDevice::Operation& operation) {
    return operation.kind == FakeBlockDevice::Kind::kRead;
  });
  world.disk().KeepDataInLog(false);
  world.disk().ClearLog();
  return attempt;
}

}  // namespace

CaptureRecord Capture(LifeCycleWorld& world, testing::SampleVmcore crashed, const CaptureTrouble& trouble) {
  CaptureRecord record;
  record.vmcore = std::make_shared<const testing::SampleVmcore>(std::move(crashed));
  record.arming = KeyArming::Parse(world.Overlay("overlay/arming")).TakeValue();
  record.target = ParseTargetDescription(world.Overlay("overlay/target")).TakeValue();
  const Vmcore vmcore = record.vmcore->Open();
  const PhysicalMemory memory(vmcore);
  const DumpContents contents = GatherContents(vmcore, memory, Level(), kCaptureLogBytes);
  record.messages = EscapeControl(contents.messages);

  world.power().TurnOn();
  SetTrouble(world, trouble);
  for (unsigned number = 1; number <= kAttempts; ++number) {
    const bool fails = number == 1 && trouble.kind == CaptureTrouble::Kind::kAllocationFails;
    record.attempts.push_back(
        Attempt(world, record, vmcore, contents, number, fails ? std::optional(trouble.step) : std::nullopt));
    const AttemptRecord& attempt = record.attempts.back();
    world.disk().ClearFaults();
    record.power_lost = !world.power().on() && trouble.kind == CaptureTrouble::Kind::kPowerCut;
    world.power().TurnOn();
    // As capture/init decides (CaptureAttempt::may_try_again()).
    if (record.power_lost || attempt.refusal || attempt.messages_safe) break;
  }
  return record;
}

}  // namespace crashdump
