// SPDX-License-Identifier: GPL-2.0-or-later
// `crashdump prepare` on a machine: the rules about devices, active swaps, hibernation and the loaded image around
// RegionPreparer.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/storage/uuid.h"
#include "loader/machine.h"
#include "loader/region_preparer.h"
#include "loader/state.h"

namespace crashdump {

enum class ActiveSwapPolicy : uint8_t { kRefuse, kSwapOff };

struct PrepareOptions {
  std::optional<Uuid> swap_uuid;  // empty: the one that was prepared, else the largest that can be
  PrepareAction action = PrepareAction::kPrepare;
  UnrecoveredDumps unrecovered = UnrecoveredDumps::kRefuse;
  ActiveSwapPolicy active_swap = ActiveSwapPolicy::kRefuse;
  std::optional<uint64_t> reserve;  // bytes; empty: automatic
};

// Whether `prepare` with these options would change something, and on which swap: the one that is named, that is
// prepared, or, where none is, that can be.
struct SwapChoice {
  Uuid uuid{};
  std::string device;  // the kernel's name, for people
  bool is_prepared = false;
};
Result<SwapChoice> ChooseSwap(const Machine& machine, const StateDirectories& state, const PrepareOptions& options);

// Does it all and returns what was done, in a line or two for people. The caller holds the lock. On failure the swap is
// usable as before and, if it was active, is active again.
Result<std::string> PrepareSwap(Machine& machine, const StateDirectories& state, const PrepareOptions& options);

}  // namespace crashdump
