// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/testing/fault_life.h"

#include "common/storage/region.h"
#include "common/storage/swap_header.h"
#include "common/testing/sample_vmcore.h"

namespace crashdump {
namespace {

using Kind = LifeFault::Kind;

// Some pages of every kind, few enough that a life takes milliseconds.
constexpr uint32_t kPages = 100;
constexpr uint64_t kReserve = 64 * kMiB;

CaptureTrouble ToTrouble(const LifeFault& fault) {
  CaptureTrouble trouble{.step = fault.n, .moment = fault.moment};
  switch (fault.kind) {
    case Kind::kReadFails:
    case Kind::kReadIsShort:
      trouble.kind = CaptureTrouble::Kind::kReadFails;
      break;
    case Kind::kWriteFails:
    case Kind::kWriteIsShort:
      trouble.kind = CaptureTrouble::Kind::kWriteFails;
      break;
    case Kind::kFlushFails:
      trouble.kind = CaptureTrouble::Kind::kFlushFails;
      break;
    case Kind::kKilled:
      trouble.kind = CaptureTrouble::Kind::kKilled;
      break;
    case Kind::kPowerCut:
      trouble.kind = CaptureTrouble::Kind::kPowerCut;
      break;
    case Kind::kAllocationFails:
      trouble.kind = CaptureTrouble::Kind::kAllocationFails;
      break;
    case Kind::kStateFails:
      break;
  }
  if (fault.kind == Kind::kReadIsShort || fault.kind == Kind::kWriteIsShort) {
    trouble.moment = PowerSwitch::Moment::kAfter;
  }
  return trouble;
}

}  // namespace

const char* NameOf(LifeAction action) {
  switch (action) {
    case LifeAction::kPrepare:
      return "prepare";
    case LifeAction::kLoad:
      return "load";
    case LifeAction::kCrash:
      return "capture";
    case LifeAction::kRecover:
      return "recover";
    case LifeAction::kUndo:
      return "undo";
  }
  return "";
}

const char* NameOf(LifeFault::Kind kind) {
  switch (kind) {
    case Kind::kReadFails:
      return "read fails";
    case Kind::kReadIsShort:
      return "read is short";
    case Kind::kWriteFails:
      return "write fails";
    case Kind::kWriteIsShort:
      return "write is short";
    case Kind::kFlushFails:
      return "flush fails";
    case Kind::kStateFails:
      return "state file fails";
    case Kind::kAllocationFails:
      return "allocation fails";
    case Kind::kKilled:
      return "killed";
    case Kind::kPowerCut:
      return "power cut";
  }
  return "";
}

FaultLife::FaultLife() : world_(1), ledger_(world_) {
  // Whatever is in the swap is somebody's.
  world_.disk().FillRandom({4096, 256 * kKiB}, 7);
  constexpr uint64_t kEnd = LifeCycleWorld::kDeviceBytes - kReserve;
  world_.disk().FillRandom({kEnd - 256 * kKiB, kEnd}, 8);
  before_ = world_.disk().Snapshot();
}

void FaultLife::Run(const LifeScript& script, const std::optional<LifeFault>& fault) {
  for (size_t i = 0; i < script.size() && !violation(); ++i) {
    const bool is_hit = fault && fault->action == i;
    const bool done = Perform(script[i], is_hit ? &*fault : nullptr);
    ledger_.Check();
    // What recover could not read may still hold a dump, as it says, even if all has been found.
    if (done && !(is_hit && script[i] == LifeAction::kRecover)) continue;
    if (!is_hit) ledger_.Violate(std::string(NameOf(script[i])) + " fails though nothing disturbs it: " + failure_);
    if (!world_.HasSoundSwap()) ledger_.Violate("the swap is shortened, and there is no region");
    if (script[i] == LifeAction::kCrash) continue;  // the crash has been; a dump of it is not owed
    if (!Perform(script[i], nullptr)) {
      ledger_.Violate(std::string(NameOf(script[i])) + " fails when it is run again: " + failure_);
    }
    ledger_.Check();
  }
  if (violation()) return;
  if (ledger_.OwedTo(world_.active()) > 0) ledger_.Violate("recover has left a dump behind");
  CheckOutside();
}

bool FaultLife::Perform(LifeAction action, const LifeFault* fault) {
  if (action == LifeAction::kCrash) return PerformCrash(fault);
  Interruption interruption;
  if (fault != nullptr && fault->kind == Kind::kKilled) interruption.ending = Ending::kKilled;
  if (fault != nullptr && fault->kind == Kind::kPowerCut) interruption.ending = Ending::kPowerCut;
  if (fault != nullptr) {
    interruption.step = fault->n;
    interruption.moment = fault->moment;
    Arrange(*fault);
  }
  world_.disk().ClearLog();
  for (unsigned i = 0; i < kStateDirectories; ++i) StateDirectory(i).ClearLog();
  Result<> result;
  const bool is_short = fault != nullptr && fault->kind == Kind::kAllocationFails;
  allocations_.emplace(is_short ? std::optional(fault->n) : std::nullopt);
  const bool cut = world_.Run(interruption, [&] { result = RunProgram(action); });
  if (fault == nullptr) NoteSize();
  allocations_.reset();
  Disarrange();
  if (fault != nullptr && cut && interruption.ending == Ending::kPowerCut) {
    CutPower(fault->loss);
    Boot();
  }
  if (action == LifeAction::kPrepare && result.ok() && !cut) {
    region_ = ReadStamps(world_.disk(), ReadSwapHeader(world_.disk(), 4096).TakeValue()).TakeValue().region;
  }
  if (cut || !result.ok()) {
    failure_ = cut ? "it was cut off" : result.error().text();
    return false;
  }
  if (action != LifeAction::kRecover) return true;
  // What could not be read is still there, and recover has said so.
  ledger_.Check();
  return ledger_.OwedTo(world_.active()) == 0;
}

Result<> FaultLife::RunProgram(LifeAction action) {
  switch (action) {
    case LifeAction::kPrepare:
      return world_.Prepare(PrepareAction::kPrepare, UnrecoveredDumps::kRefuse, kReserve);
    case LifeAction::kLoad:
      return world_.Load();
    case LifeAction::kRecover:
      return world_.Recover(0, LifeCycleWorld::Then::kArm);
    case LifeAction::kUndo:
      return world_.Prepare(PrepareAction::kUndo, UnrecoveredDumps::kRefuse, kReserve);
    case LifeAction::kCrash:
      break;
  }
  return {};
}

bool FaultLife::PerformCrash(const LifeFault* fault) {
  world_.StopKernel();
  const bool must_capture = ledger_.MustCapture();
  const CaptureTrouble trouble = fault != nullptr ? ToTrouble(*fault) : CaptureTrouble();
  const CaptureRecord record = Capture(world_, testing::MakeSampleVmcore(kPages, ++crashes_), trouble);
  if (fault != nullptr && record.power_lost) CutPower(fault->loss);
  const AttemptRecord& first = record.attempts.front();
  // What cannot be read is not proven.
  const bool may_refuse = first.refusal && (trouble.kind == CaptureTrouble::Kind::kReadFails ||
                                            trouble.kind == CaptureTrouble::Kind::kAllocationFails);
  ledger_.AddCapture(record, must_capture && !may_refuse);
  if (fault == nullptr) {
    ActionSize size{.reads = first.reads, .allocations = first.allocations};
    for (const FakeBlockDevice::Operation& operation : first.operations) {
      ++(operation.kind == FakeBlockDevice::Kind::kFlush ? size.flushes : size.writes);
    }
    size.steps = size.writes + size.flushes;
    sizes_.push_back(size);
  }
  Boot();
  return record.attempts.back().committed;
}

void FaultLife::Arrange(const LifeFault& fault) {
  using Device = FakeBlockDevice;
  switch (fault.kind) {
    case Kind::kReadFails:
      return world_.disk().FailAt(Device::Kind::kRead, fault.n, Device::Fault::kError);
    case Kind::kReadIsShort:
      return world_.disk().FailAt(Device::Kind::kRead, fault.n, Device::Fault::kShort);
    case Kind::kWriteFails:
      return world_.disk().FailAt(Device::Kind::kWrite, fault.n, Device::Fault::kError);
    case Kind::kWriteIsShort:
      return world_.disk().FailAt(Device::Kind::kWrite, fault.n, Device::Fault::kShort);
    case Kind::kFlushFails:
      return world_.disk().FailAt(Device::Kind::kFlush, fault.n, Device::Fault::kError);
    case Kind::kStateFails:
      return StateDirectory(fault.directory).FailAt(fault.operation, fault.n);
    case Kind::kAllocationFails:
    case Kind::kKilled:
    case Kind::kPowerCut:
      return;
  }
}

void FaultLife::Disarrange() {
  world_.disk().ClearFaults();
  for (unsigned i = 0; i < kStateDirectories; ++i) StateDirectory(i).ClearFaults();
}

void FaultLife::CutPower(const PowerLoss& loss) {
  unflushed_at_cut_ = world_.disk().unflushed_writes();
  world_.LosePower(loss);
  ledger_.NotePowerCut();
}

void FaultLife::Boot() {
  ledger_.NoteEnd();
  world_.Boot(world_.active());
  world_.Configure();
}

void FaultLife::NoteSize() {
  ActionSize size{.reads = world_.disk().CountOf(FakeBlockDevice::Kind::kRead),
                  .writes = world_.disk().CountOf(FakeBlockDevice::Kind::kWrite),
                  .flushes = world_.disk().CountOf(FakeBlockDevice::Kind::kFlush),
                  .steps = world_.steps(),
                  .allocations = allocations_->count()};
  for (unsigned i = 0; i < kStateDirectories; ++i) {
    for (const FakeStateDirectory::Operation& operation : StateDirectory(i).log()) {
      ++size.state_operations[i][static_cast<size_t>(operation.kind)];
    }
  }
  sizes_.push_back(size);
}

FakeStateDirectory& FaultLife::StateDirectory(unsigned index) {
  Installation& installation = world_.active_installation();
  return index == 0 ? installation.keys : index == 1 ? installation.regions : world_.run();
}

void FaultLife::CheckOutside() {
  using Harm = DumpLedger::Harm;
  constexpr uint64_t kBytes = LifeCycleWorld::kDeviceBytes;
  if (world_.LastPage() != kBytes / 4096 - 1) ledger_.Violate("the swap is not as large as it was", Harm::kOutside);
  const std::vector<Range> ignored{{kLastPageOffset, kLastPageOffset + 4}, region_};
  const uint64_t at = world_.disk().Snapshot().FirstDifference(before_, kBytes, ignored);
  if (at != kBytes) ledger_.Violate("byte " + std::to_string(at) + " of the disk has changed", Harm::kOutside);
}

}  // namespace crashdump
