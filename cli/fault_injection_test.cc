// SPDX-License-Identifier: GPL-2.0-or-later
// Every fault that a disk, a state directory, memory, a kill or a power cut can put into the life of a machine, one by
// one: never is a dump lost that was promised, a wrong byte published, or a byte changed that is not the region's.
// CRASHDUMP_FAULTS=all injects all of them (make test-faults), else it is every 16th; CRASHDUMP_FAULT=N that one.
#include <gtest/gtest.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "cli/testing/fault_life.h"
#include "common/base/parse.h"

namespace crashdump {
namespace {

using Harm = DumpLedger::Harm;
using Kind = LifeFault::Kind;
using Moment = PowerSwitch::Moment;
using Survivors = FakeBlockDevice::Survivors;

constexpr uint64_t kSample = 16;
// So many violations tell enough.
constexpr uint64_t kEnough = 20;
// Of each power cut with unflushed writes: so many ways in which a cache that reorders may have written some blocks.
constexpr uint64_t kRandomLosses = 6;

class FaultInjection {
 public:
  FaultInjection() {
    const char* const faults = getenv("CRASHDUMP_FAULTS");
    is_all_ = faults != nullptr && std::string_view(faults) == "all";
    if (const char* const only = getenv("CRASHDUMP_FAULT"); only != nullptr) only_ = ParseNumber(only).TakeValue();
  }

  void Inject(const LifeScript& script) {
    std::vector<ActionSize> sizes;
    {
      FaultLife undisturbed;
      undisturbed.Run(script, std::nullopt);
      ASSERT_EQ(undisturbed.violation(), std::nullopt);
      sizes = undisturbed.sizes();
    }
    ASSERT_EQ(sizes.size(), script.size());
    for (size_t action = 0; action < script.size(); ++action) InjectInto(script, action, sizes[action]);
  }

  void Report() {
    uint64_t injected = 0;
    for (const auto& [name, count] : injected_) {
      printf("%6" PRIu64 " %s\n", count, name.c_str());
      injected += count;
    }
    printf("%6" PRIu64 " faults injected; lost: %" PRIu64 ", wrong bytes published: %" PRIu64
           ", bytes outside the target: %" PRIu64 "\n",
           injected, harms_[Harm::kLost], harms_[Harm::kWrongBytes], harms_[Harm::kOutside]);
    if (is_all_) EXPECT_GE(injected, 2000U);
  }

 private:
  void InjectInto(const LifeScript& script, size_t action, const ActionSize& size) {
    const auto times = [&](Kind kind, uint64_t count) {
      for (uint64_t n = 0; n < count; ++n) Try(script, {.kind = kind, .action = action, .n = n});
    };
    times(Kind::kReadFails, size.reads);
    times(Kind::kReadIsShort, size.reads);
    times(Kind::kWriteFails, size.writes);
    times(Kind::kWriteIsShort, size.writes);
    times(Kind::kFlushFails, size.flushes);
    times(Kind::kAllocationFails, size.allocations);
    for (unsigned directory = 0; directory < kStateDirectories; ++directory) {
      for (unsigned operation = 0; operation < kStateOperations; ++operation) {
        for (uint64_t n = 0; n < size.state_operations[directory][operation]; ++n) {
          Try(script, {.kind = Kind::kStateFails,
                       .action = action,
                       .n = n,
                       .directory = directory,
                       .operation = static_cast<FakeStateDirectory::Kind>(operation)});
        }
      }
    }
    for (uint64_t n = 0; n < size.steps; ++n) {
      for (const Moment moment : {Moment::kBefore, Moment::kAfter}) {
        Try(script, {.kind = Kind::kKilled, .action = action, .n = n, .moment = moment});
        InjectPowerCuts(script, {.kind = Kind::kPowerCut, .action = action, .n = n, .moment = moment});
      }
    }
  }

  // With what each state of the disk's cache could leave behind.
  void InjectPowerCuts(const LifeScript& script, LifeFault fault) {
    const uint64_t unflushed = Try(script, fault);
    const auto lose = [&](Survivors survivors, uint64_t choice) {
      fault.loss = {survivors, choice};
      (void)Try(script, fault);
    };
    // Below /var there is no order either.
    const bool is_recover = script[fault.action] == LifeAction::kRecover;
    if (is_recover) {
      for (uint64_t choice = 1; choice <= kRandomLosses; ++choice) lose(Survivors::kNone, choice);
    }
    if (unflushed == 0) return;
    lose(Survivors::kAll, 0);
    for (uint64_t count = 1; count < unflushed; ++count) lose(Survivors::kPrefix, count);
    for (uint64_t seed = 1; seed <= kRandomLosses; ++seed) lose(Survivors::kRandom, seed);
  }

  // Returns how many writes a power cut found unflushed.
  uint64_t Try(const LifeScript& script, const LifeFault& fault) {
    const uint64_t number = total_++;
    // What is not tried is not known to have anything unflushed; a sample is a sample of these.
    if (harms_[Harm::kLost] + harms_[Harm::kWrongBytes] + harms_[Harm::kOutside] >= kEnough) return 0;
    if (only_ ? number != *only_ : !is_all_ && number % kSample != 0) return 1;
    FaultLife life;
    life.Run(script, fault);
    const std::string name = std::string(NameOf(script[fault.action])) + ": " + NameOf(fault.kind);
    ++injected_[name];
    if (life.violation()) {
      ++harms_[life.harm()];
      ADD_FAILURE() << "fault " << number << " of action " << fault.action << ", " << name << " at " << fault.n
                    << (fault.moment == Moment::kBefore ? " before" : " after") << ", survivors "
                    << static_cast<int>(fault.loss.survivors) << " " << fault.loss.choice << ": " << *life.violation();
    }
    return life.unflushed_at_cut();
  }

  bool is_all_ = false;
  std::optional<uint64_t> only_;
  uint64_t total_ = 0;
  std::map<std::string, uint64_t> injected_;  // by action and kind
  std::map<Harm, uint64_t> harms_;
};

TEST(FaultInjectionTest, NothingIsLostAndNothingElseIsTouched) {
  using enum LifeAction;
  FaultInjection injection;
  // A dump is recovered before the next crash; and two crashes are recovered together.
  injection.Inject({kPrepare, kLoad, kCrash, kRecover, kCrash, kRecover, kUndo});
  injection.Inject({kPrepare, kLoad, kCrash, kLoad, kCrash, kRecover, kUndo});
  injection.Report();
}

}  // namespace
}  // namespace crashdump
