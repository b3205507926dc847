// SPDX-License-Identifier: GPL-2.0-or-later
// FaultLife: one fixed life of a machine, from `prepare` over crashes and recoveries to `undo`, with one fault in it.
// What LifeCycle does at random is gone through here one by one: which faults there can be follows from what each
// program does when nothing disturbs it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/testing/dump_ledger.h"
#include "cli/testing/life_cycle_world.h"
#include "cli/testing/world_capture.h"
#include "common/testing/system_calls.h"

namespace crashdump {

enum class LifeAction : uint8_t { kPrepare, kLoad, kCrash, kRecover, kUndo };
const char* NameOf(LifeAction action);
using LifeScript = std::vector<LifeAction>;

struct LifeFault {
  enum class Kind : uint8_t {
    kReadFails,  // the n-th of the disk
    kReadIsShort,
    kWriteFails,
    kWriteIsShort,
    kFlushFails,
    kStateFails,       // the n-th operation of one kind on one state directory
    kAllocationFails,  // the n-th of the program's
    kKilled,           // the program, at its n-th step
    kPowerCut,         // there
  };
  Kind kind = Kind::kReadFails;
  size_t action = 0;  // index in the script
  uint64_t n = 0;
  PowerSwitch::Moment moment = PowerSwitch::Moment::kBefore;
  PowerLoss loss = {};
  unsigned directory = 0;  // of kStateFails: 0 keys, 1 regions, 2 run
  FakeStateDirectory::Kind operation = FakeStateDirectory::Kind::kRead;
};
const char* NameOf(LifeFault::Kind kind);
inline constexpr unsigned kStateDirectories = 3;
inline constexpr unsigned kStateOperations = 4;

// What an action did that nothing disturbed.
struct ActionSize {
  uint64_t reads = 0, writes = 0, flushes = 0;
  uint64_t steps = 0;  // of the power switch
  uint64_t allocations = 0;
  uint64_t state_operations[kStateDirectories][kStateOperations] = {};
};

class FaultLife {
 public:
  FaultLife();

  // Runs it all, once. Whatever goes wrong, every program that the fault has not touched must end well, and one that it
  // has touched must do so when it is run again.
  void Run(const LifeScript& script, const std::optional<LifeFault>& fault);

  // By action.
  const std::vector<ActionSize>& sizes() const { return sizes_; }
  // Writes that the disk had not flushed when the power was cut.
  uint64_t unflushed_at_cut() const { return unflushed_at_cut_; }
  // What must never happen and did.
  const std::optional<std::string>& violation() const { return ledger_.violation(); }
  DumpLedger::Harm harm() const { return ledger_.harm(); }

 private:
  // Whether the action ended well.
  bool Perform(LifeAction action, const LifeFault* fault);
  Result<> RunProgram(LifeAction action);
  bool PerformCrash(const LifeFault* fault);
  void Arrange(const LifeFault& fault);
  void Disarrange();
  void CutPower(const PowerLoss& loss);
  void Boot();
  void NoteSize();
  FakeStateDirectory& StateDirectory(unsigned index);
  // Nothing but the region and the number of the swap's last page has changed.
  void CheckOutside();

  LifeCycleWorld world_;
  DumpLedger ledger_;
  SparseImage before_;
  Range region_{};
  std::vector<ActionSize> sizes_;
  uint64_t unflushed_at_cut_ = 0;
  uint64_t crashes_ = 0;
  std::string failure_;                         // why the last action did not end well
  std::optional<AllocationFault> allocations_;  // while a program runs that is no capture
};

}  // namespace crashdump
