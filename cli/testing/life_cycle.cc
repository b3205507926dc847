// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/testing/life_cycle.h"

#include <array>
#include <memory>
#include <utility>

namespace crashdump {
namespace {

constexpr uint64_t kNoRoom = UINT64_MAX;

const char* NameOf(Ending ending) {
  switch (ending) {
    case Ending::kDone:
      return "done";
    case Ending::kKilled:
      return "killed";
    case Ending::kPanic:
      return "panic";
    case Ending::kPowerCut:
      return "power cut";
  }
  return "";
}

const char* NameOf(PrepareAction action) {
  switch (action) {
    case PrepareAction::kPrepare:
      return "prepare";
    case PrepareAction::kAdopt:
      return "adopt";
    case PrepareAction::kUndo:
      return "undo";
  }
  return "";
}

constexpr uint32_t kWholeLastPage = LifeCycleWorld::kDeviceBytes / 4096 - 1;

}  // namespace

std::optional<std::string> LifeCycle::Run() {
  const uint64_t length = 5 + world_.random().Below(10);
  if (world_.random().Chance(40)) {
    retention_.keep = 1;
    ledger_.AllowRemovals(retention_.keep);
  }
  if (world_.random().Chance(12)) BeginAsleep();
  for (uint64_t i = 0; i < length && !ledger_.violation(); ++i) {
    Step();
    ledger_.Check();
  }
  if (!ledger_.violation()) End();
  return ledger_.violation();
}

// A machine that was armed sleeps through the beginning: whatever happens until it wakes happens behind its back.
void LifeCycle::BeginAsleep() {
  world_.Prepare(PrepareAction::kPrepare, UnrecoveredDumps::kRefuse, 64 * kMiB).TakeValue();
  world_.Load().TakeValue();
  ledger_.Check();
  history_.emplace_back("prepare, load, hibernate");
  world_.Hibernate();
  StartSystem();
}

void LifeCycle::Step() {
  // Who finds a command dead tries again, or this.
  if (std::exchange(was_killed_, false) && world_.random().Chance(60)) return Recover();
  struct Choice {
    uint64_t weight;
    void (LifeCycle::*action)();
  };
  const bool armed = world_.machine().image.has_value();
  const bool lowered = world_.LastPage() != kWholeLastPage;
  const bool waiting = ledger_.OwedTo(world_.active()) > 0;
  const bool sleeping = world_.can_resume();
  const uint64_t load_weight = lowered ? 50 : 3;
  const std::array choices{
      Choice{lowered ? 6U : 50U, &LifeCycle::Prepare},
      Choice{!lowered   ? 1U
             : sleeping ? 25U
                        : 5U,
             &LifeCycle::Adopt},
      Choice{lowered ? 7U : 1U, &LifeCycle::Undo},
      Choice{armed ? 25U : load_weight, &LifeCycle::Load},
      Choice{2, &LifeCycle::Unload},
      Choice{armed ? 50U : 2U, &LifeCycle::Crash},
      Choice{waiting ? world_.HasOldCopy() ? 90U : 30U : 8U, &LifeCycle::Recover},
      Choice{lowered ? 4U : 1U, &LifeCycle::MakeSwap},
      Choice{waiting && !lowered ? 30U : 8U, &LifeCycle::UseSwap},
      Choice{sleeping ? 25U : 10U, &LifeCycle::Reboot},
      Choice{4, &LifeCycle::PowerCut},
  };
  uint64_t all = 0;
  for (const Choice& choice : choices) all += choice.weight;
  uint64_t number = world_.random().Below(all);
  for (const Choice& choice : choices) {
    if (number < choice.weight) return (this->*choice.action)();
    number -= choice.weight;
  }
}

bool LifeCycle::Perform(const Program& program) {
  Random& random = world_.random();
  Interruption interruption;
  if (random.Chance(35)) {
    constexpr std::array kEndings{Ending::kKilled, Ending::kPanic, Ending::kPowerCut};
    interruption.ending = random.Of(kEndings);
    interruption.step = random.Below(program.steps);
    interruption.moment = random.Chance(50) ? PowerSwitch::Moment::kBefore : PowerSwitch::Moment::kAfter;
  }
  FakeBlockDevice& disk = world_.disk();
  disk.ClearLog();
  const bool bad_read = random.Chance(program.bad_reads_percent);
  if (bad_read) LetReadsFail();
  Result<> result;
  const size_t line = history_.size();
  history_.push_back(program.name + (bad_read ? " with reads that may fail" : ""));
  const bool cut = world_.Run(interruption, [&] { result = program.run(); });
  disk.ClearFaults();
  const bool done = !cut && result.ok();
  if (cut) {
    history_[line] += std::string(": ") + NameOf(interruption.ending) +
                      (interruption.moment == PowerSwitch::Moment::kBefore ? " before step " : " after step ") +
                      std::to_string(interruption.step);
  } else if (!result.ok()) {
    history_[line] += std::string(": ") + result.error().text();
  }
  const std::string command = program.name.substr(0, program.name.find(' '));
  ++endings_[command + ": " + (cut ? NameOf(interruption.ending) : done ? "done" : "failed")];
  if (program.settle) program.settle(done);
  if (cut && interruption.ending == Ending::kPanic) Crash();
  if (cut && interruption.ending == Ending::kPowerCut) {
    LosePower();
    StartSystem();
  }
  was_killed_ = cut && interruption.ending == Ending::kKilled;
  return done && !bad_read;
}

void LifeCycle::Must(const Program& program) {
  world_.disk().ClearLog();
  Result<> result;
  world_.Run({}, [&] { result = program.run(); });
  if (program.settle) program.settle(result.ok());
  history_.push_back("at the end, " + program.name + (result.ok() ? "" : std::string(": ") + result.error().text()));
  ledger_.Check();
  if (!result.ok()) ledger_.Violate("at the end, " + program.name + " fails: " + result.error().text());
}

void LifeCycle::LetReadsFail() {
  FakeBlockDevice& disk = world_.disk();
  const std::vector<uint64_t> pages = ledger_.SomeOwedPages();
  if (pages.empty() || world_.random().Chance(50)) {
    // Any, or one of those by which load sees what is occupied: they come behind some thirty of the region itself.
    const uint64_t number = world_.random().Chance(40) ? world_.random().Below(110) : 35 + world_.random().Below(20);
    disk.FailAt(FakeBlockDevice::Kind::kRead, number, FakeBlockDevice::Fault::kError);
    return;
  }
  for (const uint64_t page : pages) disk.FailReadsIn({page * 4096, (page + 1) * 4096});
}

void LifeCycle::LetAnotherCommandRun() {
  auto left = std::make_shared<uint64_t>(world_.random().Below(12));
  world_.Meanwhile([this, left] {
    if ((*left)-- > 0) return;
    world_.Meanwhile({});
    RunAnotherCommand();
  });
}

void LifeCycle::RunAnotherCommand() {
  if (world_.IsLocked()) return;
  Random& random = world_.random();
  Program program{"load", 0, [this] { return world_.Load(); }, {}};
  if (random.Chance(15)) program = {"unload", 0, [this] { return world_.Unload(); }, {}};
  if (random.Chance(25)) {
    constexpr std::array kActions{PrepareAction::kPrepare, PrepareAction::kAdopt, PrepareAction::kUndo};
    program = ChangeProgram(random.Of(kActions));
  }
  const Result<> result = program.run();
  if (program.settle) program.settle(result.ok() && world_.power().on());
  history_.push_back("  meanwhile " + program.name + (result.ok() ? "" : std::string(": ") + result.error().text()));
}

LifeCycle::Program LifeCycle::ChangeProgram(PrepareAction action) {
  const bool discard = world_.random().Chance(8);
  const uint64_t reserve = (world_.random().Chance(70) ? 64 : 72) * kMiB;
  const unsigned owner = world_.active();
  const UnrecoveredDumps unrecovered = discard ? UnrecoveredDumps::kDiscard : UnrecoveredDumps::kRefuse;
  std::string name = NameOf(action);
  if (action == PrepareAction::kPrepare) name += " " + std::to_string(reserve / kMiB) + " MiB";
  if (discard) name += " --discard-dumps";
  return {name, 18, [=, this] { return world_.Prepare(action, unrecovered, reserve); },
          [=, this](bool done) {
            if (world_.disk().CountOf(FakeBlockDevice::Kind::kWrite) == 0) return;
            if (action == PrepareAction::kAdopt) ledger_.ForfeitAllBut(owner, DumpLedger::Which::kAll);
            if (action == PrepareAction::kPrepare) ledger_.ForfeitAllBut(owner, DumpLedger::Which::kExposed);
            if (discard) ledger_.ForfeitOf(owner, !done);
          }};
}

void LifeCycle::Change(PrepareAction action) {
  const unsigned installation = world_.active();
  const LifeCycleWorld::InPlace in_place = world_.in_place();
  // A region that is made again with another size is for a moment none, and so is one that is adopted. And a header
  // that an interrupted command has not flushed may not be there after a power cut.
  const bool was_sound =
      world_.disk().unflushed_writes() == 0 &&
      (action == PrepareAction::kPrepare ? world_.LastPage() == kWholeLastPage : world_.HasSoundSwap());
  Perform(ChangeProgram(action));
  if (!was_sound || action == PrepareAction::kAdopt) return;
  if (world_.active() != installation || world_.in_place() != in_place) return;
  if (!world_.HasSoundSwap()) ledger_.Violate("the swap is shortened, and there is no region");
}

void LifeCycle::Load() {
  // What cannot be read counts as occupied, so that there may be no room for pages.
  const bool waiting = ledger_.OwedTo(world_.active()) > 0;
  Perform({"load", 4, [this] { return world_.Load(); }, {}, waiting ? 40U : 10U});
}

void LifeCycle::Unload() {
  Perform({"unload", 2, [this] { return world_.Unload(); }, {}});
}

void LifeCycle::Recover() {
  Random& random = world_.random();
  const bool no_room = random.Chance(10);
  const bool away = random.Chance(6);
  const DeviceIdentity identity = world_.identity();
  const LifeCycleWorld::InPlace in_place = world_.in_place();
  std::string name = "recover";
  if (no_room) name += " without room";
  if (away) name += " without the disk";
  if (away) world_.SetDisk(LifeCycleWorld::InPlace::kNothing);
  const bool alone = random.Chance(75);
  if (!alone) LetAnotherCommandRun();
  const unsigned installation = world_.active();
  const auto settle = [&](bool) {
    world_.Meanwhile({});
    world_.SetDisk(in_place, identity.serial.c_str());
  };
  const auto run = [&] { return world_.Recover(no_room ? kNoRoom : 0, LifeCycleWorld::Then::kArm, retention_); };
  const bool done = Perform({name, 8 + 10 * ledger_.OwedTo(installation), run, settle});
  if (!done || no_room || away || in_place != LifeCycleWorld::InPlace::kDisk) return;
  ledger_.Check();
  if (ledger_.OwedTo(installation) > 0) ledger_.Violate("recover has left a dump behind");
  if (alone && !ledger_.MustCapture()) ledger_.Violate("recover has ended well, and the machine is not armed");
}

void LifeCycle::MakeSwap() {
  if (!world_.HasDisk()) return;
  const bool keeps_uuid = world_.random().Chance(30);
  history_.emplace_back(keeps_uuid ? "mkswap -U" : "mkswap");
  world_.MakeSwap(keeps_uuid);
  ledger_.Expose();
  world_.Configure();
}

void LifeCycle::UseSwap() {
  // Where a copy is hurt, its dump is as good as what recover finds there.
  if (world_.HasOldCopy()) return;
  if (!world_.SwapIsActive()) world_.SwapOn();
  const std::vector<Range> written = world_.Swap(ledger_.SomeOwedPages());
  ledger_.SwapWrote(written);
  history_.push_back("swap writes " + std::to_string(written.size()) + " pages");
}

void LifeCycle::Crash() {
  Random& random = world_.random();
  ledger_.Check();
  world_.StopKernel();
  ++crashes_;
  history_.push_back("crash " + std::to_string(crashes_));
  if (world_.machine().image) {
    CaptureTrouble trouble;
    if (random.Chance(50)) {
      using Kind = CaptureTrouble::Kind;
      constexpr std::array kKinds{Kind::kKilled,   Kind::kKilled,     Kind::kPowerCut,  Kind::kPowerCut,
                                  Kind::kPowerCut, Kind::kWriteFails, Kind::kFlushFails};
      trouble.kind = random.Of(kKinds);
      trouble.step = random.Below(trouble.kind == Kind::kFlushFails ? 3 : 8);
      trouble.moment = random.Chance(50) ? PowerSwitch::Moment::kBefore : PowerSwitch::Moment::kAfter;
    }
    const bool must_capture = ledger_.MustCapture();
    const uint32_t pages = random.Chance(8) ? 200 : 8;
    const CaptureRecord record = Capture(world_, testing::MakeSampleVmcore(pages, crashes_), trouble);
    for (const AttemptRecord& attempt : record.attempts) {
      history_.back() += ", attempt " + std::to_string(attempt.attempt) +
                         (attempt.refusal         ? " refused: " + *attempt.refusal
                          : attempt.committed     ? " committed"
                          : attempt.messages_safe ? " has its messages safe"
                                                  : " failed");
    }
    if (record.power_lost) {
      history_.back() += ", power cut";
      LosePower();
    }
    ledger_.AddCapture(record, must_capture);
  }
  StartSystem();
}

void LifeCycle::Reboot() {
  if (world_.random().Chance(world_.machine().image ? 40 : 5)) {
    history_.emplace_back("hibernate");
    world_.Hibernate();
  } else {
    history_.emplace_back("reboot");
    world_.StopKernel();
  }
  StartSystem();
}

void LifeCycle::LosePower() {
  world_.LosePower();
  ledger_.NotePowerCut();
}

void LifeCycle::PowerCut() {
  history_.emplace_back("power cut");
  LosePower();
  StartSystem();
}

void LifeCycle::StartSystem() {
  ledger_.NoteEnd();
  Random& random = world_.random();
  using InPlace = LifeCycleWorld::InPlace;
  if (world_.in_place() == InPlace::kDisk && random.Chance(25)) world_.KeepCopy();
  const bool old_copy = world_.has_copy() && random.Chance(ledger_.OwedTo(world_.active()) > 0 ? 8 : 3);
  world_.SetDisk(random.Chance(4) ? InPlace::kNothing
                 : old_copy       ? InPlace::kOldCopy
                                  : InPlace::kDisk,
                 random.Chance(95) ? LifeCycleWorld::kSerial : "ANOTHER-SERIAL");
  if (world_.can_resume() && random.Chance(25)) {
    world_.Resume();
    history_.push_back("resume of system " + std::to_string(world_.active()));
  } else {
    const unsigned other = (world_.active() + 1) % LifeCycleWorld::kInstallations;
    world_.Boot(random.Chance(12) ? other : world_.active());
    history_.push_back("boot of system " + std::to_string(world_.active()));
  }
  if (!world_.HasDisk()) history_.back() += " without the disk";
  if (world_.HasOldCopy()) history_.back() += " with an old copy of the disk";
  world_.Configure();
  if (random.Chance(50)) world_.SwapOn();
}

void LifeCycle::End() {
  for (unsigned installation = 0; installation < LifeCycleWorld::kInstallations; ++installation) {
    world_.StopKernel();
    world_.SetDisk(LifeCycleWorld::InPlace::kDisk);
    world_.Boot(installation);
    world_.Configure();
    if (world_.active_installation().keys.files().empty()) continue;
    world_.Run({}, [this] { (void)world_.Recover(0, LifeCycleWorld::Then::kEnd); });
    ledger_.Check();
    if (ledger_.OwedTo(installation) > 0) {
      ledger_.Violate("system " + std::to_string(installation) + " is owed a dump, and recover does not find it");
    }
  }
  if (!ledger_.violation() && world_.random().Chance(10)) EndWithAWholeLife();
}

// Whatever has happened, everything works again.
void LifeCycle::EndWithAWholeLife() {
  const auto prepare = [this](PrepareAction action) {
    return world_.Prepare(action, UnrecoveredDumps::kRefuse, 64 * kMiB);
  };
  // Of another installation, or of nobody who knows how large the swap was.
  bool prepared = prepare(PrepareAction::kPrepare).ok() || prepare(PrepareAction::kAdopt).ok();
  if (!prepared) {
    world_.MakeSwap(false);
    world_.Configure();
    Must({"prepare", 0, [&] { return prepare(PrepareAction::kPrepare); }, {}});
  }
  Must({"load", 0, [this] { return world_.Load(); }, {}});
  if (ledger_.violation()) return;
  world_.StopKernel();
  const CaptureRecord record = Capture(world_, testing::MakeSampleVmcore(8, ++crashes_), {});
  ledger_.AddCapture(record, true);
  if (!record.attempts.back().committed) ledger_.Violate("at the end, nothing is committed");
  world_.Boot(world_.active());
  Must({"recover", 0, [this] { return world_.Recover(0, LifeCycleWorld::Then::kArm); }, {}});
  if (ledger_.OwedTo(world_.active()) > 0) ledger_.Violate("at the end, recover has left a dump behind");
  Must({"undo", 0, [&] { return prepare(PrepareAction::kUndo); }, {}});
  if (world_.LastPage() != kWholeLastPage) ledger_.Violate("at the end, the swap is not what it was");
}

}  // namespace crashdump
