// SPDX-License-Identifier: GPL-2.0-or-later
// Other programs that load a capture kernel: there is one reservation, and two that load into it take turns in undoing
// what the other did.
#pragma once

#include "common/base/result.h"
#include "loader/machine.h"

namespace crashdump {

// kRefused, with the program and how to switch it off, if one is enabled on this machine: kdump-tools (Debian, Ubuntu),
// kdump-utils (Fedora) or kdump (openSUSE).
Result<> CheckNoOtherDumper(const Machine& machine);

}  // namespace crashdump
