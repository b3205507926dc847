// SPDX-License-Identifier: GPL-2.0-or-later
// Whether the kernel filters system calls for who asks: an emulator of user programs does not.
#pragma once

#include <sys/prctl.h>

namespace crashdump::testing {

inline bool HasSeccomp() { return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0; }

inline constexpr const char* kNoSeccomp = "there is no seccomp here";

}  // namespace crashdump::testing
