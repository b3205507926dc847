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
  for (uint64_t i = 0; i < length && !ledger_.violation(); ++i) {
    Step();
    ledger_.Check();
  }
  if (!ledger_.violation()) End();
  return ledger_.violation();
}

void LifeCycle::Step() {
  struct Choice {
    uint64_t weight;
    void (LifeCycle::*action)();
  };
  const bool armed = world_.machine().image.has_value();
  const bool lowered = world_.LastPage() != kWholeLastPage;
  const bool waiting = ledger_.OwedTo(world_.active()) > 0;
  const std::array choices{
      Choice{lowered ? 6U : 40U, &LifeCycle::Prepare},
      Choice{lowered ? 5U : 1U, &LifeCycle::Adopt},
      Choice{4, &LifeCycle::Undo},
      Choice{armed     ? 8U
             : lowered ? 50U
                       : 3U,
             &LifeCycle::Load},
      Choice{2, &LifeCycle::Unload},
      Choice{armed ? 50U : 2U, &LifeCycle::Crash},
      Choice{waiting ? 30U : 8U, &LifeCycle::Recover},
      Choice{4, &LifeCycle::MakeSwap},
      Choice{10, &LifeCycle::UseSwap},
      Choice{8, &LifeCycle::Reboot},
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

// --- running programs
// --------------------------------------------------------------------------------------------------

bool LifeCycle::Perform(const Program& program) {
  Random& random = world_.random();
  Interruption interruption;
  if (random.Chance(35)) {
    constexpr std::array kEndings{Ending::kKilled, Ending::kPanic, Ending::kPowerCut};
    interruption.ending = kEndings.at(random.Below(kEndings.size()));
    interruption.step = random.Below(program.steps);
    interruption.moment = random.Chance(50) ? PowerSwitch::Moment::kBefore : PowerSwitch::Moment::kAfter;
  }
  world_.disk().ClearLog();
  Result<> result;
  const size_t line = history_.size();
  history_.push_back(program.name);
  const bool cut = world_.Run(interruption, [&] { result = program.run(); });
  const bool done = !cut && result.ok();
  if (cut) {
    history_[line] += std::string(": ") + NameOf(interruption.ending) +
                      (interruption.moment == PowerSwitch::Moment::kBefore ? " before step " : " after step ") +
                      std::to_string(interruption.step);
  } else if (!result.ok()) {
    history_[line] += std::string(": ") + result.error().text();
  }
  if (program.settle) program.settle(done);
  if (cut && interruption.ending == Ending::kPanic) Crash();
  if (cut && interruption.ending == Ending::kPowerCut) {
    LosePower();
    StartSystem();
  }
  return done;
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

void LifeCycle::LetAnotherCommandRun() {
  auto left = std::make_shared<uint64_t>(world_.random().Below(12));
  const auto count = [this, left] {
    if (*left > 0) {
      --*left;
      return;
    }
    world_.active_installation().keys.BeforeEach({});
    world_.run().BeforeEach({});
    RunAnotherCommand();
  };
  world_.active_installation().keys.BeforeEach(count);
  world_.run().BeforeEach(count);
}

void LifeCycle::RunAnotherCommand() {
  if (!world_.power().on() || world_.IsLocked()) return;
  Random& random = world_.random();
  Program program{"load", 0, [this] { return world_.Load(); }, {}};
  if (random.Chance(15)) program = {"unload", 0, [this] { return world_.Unload(); }, {}};
  if (random.Chance(25)) {
    constexpr std::array kActions{PrepareAction::kPrepare, PrepareAction::kAdopt, PrepareAction::kUndo};
    program = ChangeProgram(kActions.at(random.Below(kActions.size())));
  }
  const Result<> result = program.run();
  if (program.settle) program.settle(result.ok() && world_.power().on());
  history_.push_back("  meanwhile " + program.name + (result.ok() ? "" : std::string(": ") + result.error().text()));
}

// --- the product's commands
// --------------------------------------------------------------------------------------------

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

void LifeCycle::Load() {
  Perform({"load", 7, [this] { return world_.Load(); }, {}});
}

void LifeCycle::Unload() {
  Perform({"unload", 2, [this] { return world_.Unload(); }, {}});
}

void LifeCycle::Recover() {
  Random& random = world_.random();
  const bool no_room = random.Chance(10);
  const bool away = random.Chance(6);
  const bool bad_read = random.Chance(8);
  const DeviceIdentity identity = world_.identity();
  const bool was_present = world_.disk_is_present();
  std::string name = "recover";
  if (no_room) name += " without room";
  if (away) name += " without the disk";
  if (bad_read) name += " with a read that fails";
  if (away) world_.SetDisk(false, identity.serial.c_str());
  if (bad_read) world_.disk().FailAt(FakeBlockDevice::Kind::kRead, random.Below(40), FakeBlockDevice::Fault::kError);
  if (random.Chance(25)) LetAnotherCommandRun();
  const unsigned installation = world_.active();
  const auto settle = [&](bool) {
    world_.disk().ClearFaults();
    world_.installation(installation).keys.BeforeEach({});
    world_.run().BeforeEach({});
    world_.SetDisk(was_present, identity.serial.c_str());
  };
  const auto run = [&] { return world_.Recover(no_room ? kNoRoom : 0, LifeCycleWorld::Then::kArm); };
  const bool done = Perform({name, 8 + 14 * (ledger_.OwedTo(installation) + 1), run, settle});
  if (!done || no_room || away || bad_read || !was_present) return;
  ledger_.Check();
  if (ledger_.OwedTo(installation) > 0) ledger_.Violate("recover has left a dump behind");
}

// --- everything else
// ---------------------------------------------------------------------------------------------------

void LifeCycle::MakeSwap() {
  if (!world_.disk_is_present()) return;
  Perform({"mkswap", 2, [this] { return world_.MakeSwap(); },
           [this](bool) {
             ledger_.Expose();
             world_.Configure();
           }});
}

void LifeCycle::UseSwap() {
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
      trouble.kind = kKinds.at(random.Below(kKinds.size()));
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
  if (world_.random().Chance(20)) {
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
  Random& random = world_.random();
  world_.SetDisk(!random.Chance(4), random.Chance(95) ? "SERIAL-1" : "SERIAL-2");
  if (world_.can_resume() && random.Chance(40)) {
    world_.Resume();
    history_.push_back("resume of system " + std::to_string(world_.active()));
  } else {
    const unsigned other = (world_.active() + 1) % LifeCycleWorld::kInstallations;
    world_.Boot(random.Chance(12) ? other : world_.active());
    history_.push_back("boot of system " + std::to_string(world_.active()));
  }
  if (!world_.disk_is_present()) history_.back() += " without the disk";
  world_.Configure();
  if (random.Chance(50)) world_.SwapOn();
}

void LifeCycle::End() {
  for (unsigned installation = 0; installation < LifeCycleWorld::kInstallations; ++installation) {
    world_.StopKernel();
    world_.SetDisk(true, "SERIAL-1");
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
    world_.MakeSwap().TakeValue();
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
