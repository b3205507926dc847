// SPDX-License-Identifier: GPL-2.0-or-later
// The pseudo filesystems, and the descriptors 0, 1 and 2, that programs take for granted.
#pragma once

#include "common/base/result.h"

namespace crashdump {

// Mounts the filesystem `type` (proc, sysfs, devtmpfs) on `directory`, which is made if it is not there. One that is
// mounted there already is fine.
Result<> MountPseudo(const char* type, const char* directory);

// Occupies those of the descriptors 0, 1 and 2 that are not open (the kernel found no console device), so that nothing
// else that is opened gets their numbers.
void OccupyStandardFds();

}  // namespace crashdump
