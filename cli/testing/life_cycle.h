// SPDX-License-Identifier: GPL-2.0-or-later
// LifeCycle: a random walk through a LifeCycleWorld: everything that administrators, kernels and power supplies do, in
// any order, cut off anywhere, with a DumpLedger that watches.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/testing/dump_ledger.h"
#include "cli/testing/life_cycle_world.h"

namespace crashdump {

class LifeCycle {
 public:
  explicit LifeCycle(uint64_t seed) : world_(seed), ledger_(world_) {}

  // One whole sequence, ended by recoveries that nothing disturbs, after which nothing may be owed. What must never
  // happen and did, or nothing.
  std::optional<std::string> Run();

  // What was done, one line per action.
  const std::vector<std::string>& history() const { return history_; }
  // What happened how often: to dumps, and to programs.
  const DumpLedger::Counts& counts() const { return ledger_.counts(); }
  const DumpLedger::Counts& endings() const { return endings_; }

 private:
  void BeginAsleep();
  void Step();
  void Prepare() { Change(PrepareAction::kPrepare); }
  void Adopt() { Change(PrepareAction::kAdopt); }
  void Undo() { Change(PrepareAction::kUndo); }
  void Change(PrepareAction action);
  void Load();
  void Unload();
  void Recover();
  void MakeSwap();
  void UseSwap();
  void Crash();
  void Reboot();
  void PowerCut();
  void LosePower();
  void End();
  void EndWithAWholeLife();

  // A program that takes about `steps` steps of the power switch.
  struct Program {
    std::string name;
    uint64_t steps;
    std::function<Result<>()> run;
    // Keeps the books and takes away what was arranged, before anything else happens. `done`: it ended well.
    std::function<void(bool done)> settle;
    unsigned bad_reads_percent = 10;  // how often reads fail meanwhile
  };
  Program ChangeProgram(PrepareAction action);
  // Runs it, sometimes with reads that fail, and sometimes cuts it off, with the panic or the power cut that this
  // needs. Whether it ended well and undisturbed.
  bool Perform(const Program& program);
  // Undisturbed, and it must end well.
  void Must(const Program& program);
  // One of the next, or all of some pages of each dump that is owed.
  void LetReadsFail();
  // At some operation of a state directory another command runs, if the lock lets it.
  void LetAnotherCommandRun();
  void RunAnotherCommand();
  void StartSystem();

  LifeCycleWorld world_;
  DumpLedger ledger_;
  std::vector<std::string> history_;
  DumpLedger::Counts endings_;
  uint64_t crashes_ = 0;
  Retention retention_;
  bool was_killed_ = false;  // the last program
};

}  // namespace crashdump
