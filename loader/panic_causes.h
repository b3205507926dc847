// SPDX-License-Identifier: GPL-2.0-or-later
// What shall make the kernel panic besides what always does, so that a machine that stands still is captured too
// (PANIC_ON=). An oops is not among them: the kernel survives it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/state_directory.h"
#include "loader/machine.h"

namespace crashdump {

enum class PanicCause : uint8_t {
  kHardLockup,  // a processor that takes no interrupts
  kSoftLockup,  // a processor that runs nothing else for long
  kHungTask,    // a task that waits for long, as for a dead disk
  kNmi,         // an interrupt that nobody knows: the button of a server, faulty memory
};

// "hardlockup softlockup", blanks or commas between; "none" alone: nothing. The error names those that there are.
Result<std::vector<PanicCause>> ParsePanicCauses(std::string_view text);

// Where nothing is said: hardlockup, on kernels that notice it.
inline constexpr PanicCause kDefaultPanicCause = PanicCause::kHardLockup;

// Sets the sysctls of these causes, and sets those back that an earlier call has set and that are not among them now.
// What was there before stands in `run`, so that ClearPanicCauses() finds it. Returns one line for each thing that did
// not work: a machine that is armed stays so.
std::vector<std::string> SetPanicCauses(const Machine& machine, StateDirectory& run,
                                        const std::vector<PanicCause>& causes);

// One line for each cause that this kernel does not notice, or is told not to.
std::vector<std::string> UnnoticedCauses(const Machine& machine, const std::vector<PanicCause>& causes);

// Sets back what SetPanicCauses() has set in this boot: before what is loaded goes, since to stand still is better than
// to panic for nothing.
std::vector<std::string> ClearPanicCauses(const Machine& machine, StateDirectory& run);

}  // namespace crashdump
