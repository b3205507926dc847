// SPDX-License-Identifier: GPL-2.0-or-later
// SandboxedDumps: RegionDumps in a child without privileges (unprivileged.h), one for each look at a region and for
// each dump. It reads, authenticates, decompresses and encodes; this process writes what it sends into files of its
// choice.
#pragma once

#include "recover/dump_source.h"

namespace crashdump {

// The child keeps `descriptor`, if there is one, which reading `region` needs. There must be no other thread when a
// child is made, and SIGPIPE be ignored.
std::unique_ptr<RegionDumps> MakeSandboxedDumps(const ByteSource& region, const KeyRecord& record,
                                                const PublishOptions& options, int descriptor);

}  // namespace crashdump
