// SPDX-License-Identifier: GPL-2.0-or-later
// GiveUpPrivileges: for a process that is about to read what anybody may have written.
#pragma once

#include <span>

#include "common/base/result.h"

namespace crashdump {

// From here on this process can compute, get memory, start threads, and read and write what it has open, which is
// `descriptors` alone: it is nobody, without groups and capabilities, its memory is not swapped, it writes no core
// file, and the kernel kills it at any other system call (seccomp; Linux 3.17, CONFIG_SECCOMP_FILTER). There is no way
// back. Call it while there is one thread. kUnsupported: the kernel has no seccomp; everything else has been given up.
Result<> GiveUpPrivileges(std::span<const int> descriptors);

}  // namespace crashdump
