// SPDX-License-Identifier: GPL-2.0-or-later
// The directories in which crashdump keeps what it must remember, and the lock that its commands take in turn.
#pragma once

#include "common/base/result.h"
#include "common/base/state_directory.h"
#include "common/base/unique_fd.h"
#include "loader/machine.h"

namespace crashdump {

// Borrowed; what the loader's functions work on.
struct StateDirectories {
  StateDirectory& keys;     // key records
  StateDirectory& regions;  // region records
  StateDirectory& run;      // of this boot only
  // What else must be remembered: which swaps were in use (choose_swap.h), a crash for a test (test_crash.h).
  StateDirectory& remembered;
};

// The real ones, made if absent.
class DiskState {
 public:
  // kRefused if what lies below /var/lib would not survive a reboot: keys that are gone make dumps unreadable.
  static Result<DiskState> Open(const Machine& machine);

  StateDirectories directories() { return {keys_, regions_, run_, remembered_}; }
  const DiskStateDirectory& run() const { return run_; }

 private:
  DiskState(DiskStateDirectory keys, DiskStateDirectory regions, DiskStateDirectory run, DiskStateDirectory remembered)
      : keys_(std::move(keys)),
        regions_(std::move(regions)),
        run_(std::move(run)),
        remembered_(std::move(remembered)) {}

  DiskStateDirectory keys_;
  DiskStateDirectory regions_;
  DiskStateDirectory run_;
  DiskStateDirectory remembered_;
};

// kRefused if the filesystem that holds `path` lives in memory.
Result<> CheckDurable(const Machine& machine, const char* path);

// The lock /run/crashdump/lock, held until the descriptor is closed, here and in programs that were run. prepare, load,
// unload and recover take it before they look at anything. Waits some seconds for another command, then kTimeout.
Result<UniqueFd> TakeLock(const DiskStateDirectory& run);

}  // namespace crashdump
