// SPDX-License-Identifier: GPL-2.0-or-later
// What `crashdump recover` does, on any machine: publishes what earlier crashes have left, then arms again.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "loader/arm.h"
#include "loader/machine.h"
#include "loader/state.h"
#include "recover/collector.h"
#include "recover/publisher.h"

namespace crashdump {

// Takes the lock that prepare, load, unload and recover take in turn (TakeLock() of loader/state.h).
using LockFunction = std::function<Result<UniqueFd>()>;

// Publishes the dumps that are on `devices`, then deletes the keys that serve nothing any more. The lock is taken for
// the latter only: publishing takes minutes, and nothing about it conflicts with the other commands.
Result<std::vector<RecoverNote>> RecoverDumps(const Machine& machine, const StateDirectories& state,
                                              Publisher& publisher, const std::vector<RecoverDevice>& devices,
                                              const MakeRegionDumps& make_dumps, const LockFunction& take_lock);

// What RecoverDumps() would find; changes nothing.
Result<std::vector<RecoverNote>> PreviewDumps(const StateDirectories& state, Publisher& publisher,
                                              const std::vector<RecoverDevice>& devices,
                                              const MakeRegionDumps& make_dumps);

// Arms the machine, unless no swap of it is prepared, or what is loaded is as good as a new image: then
// nothing. `notes` are those of RecoverDumps().
Result<std::optional<ArmReport>> ArmAgain(Machine& machine, const StateDirectories& state,
                                          const std::vector<RecoverNote>& notes, const LockFunction& take_lock);

}  // namespace crashdump
