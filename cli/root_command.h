// SPDX-License-Identifier: GPL-2.0-or-later
// What every command begins with that works on this machine's swap, keys and dumps.
#pragma once

#include "common/base/result.h"

namespace crashdump {

// kRefused unless the caller is root. From then on no core file of this process is written, by whatever handler, and
// nobody but root can trace it, and its memory is not swapped: it may hold keys.
Result<> BeginRootCommand();

}  // namespace crashdump
