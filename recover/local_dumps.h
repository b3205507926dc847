// SPDX-License-Identifier: GPL-2.0-or-later
// LocalDumps: RegionDumps in this process, with all of its rights.
#pragma once

#include "recover/dump_source.h"

namespace crashdump {

std::unique_ptr<RegionDumps> MakeLocalDumps(const ByteSource& region, const KeyRecord& record,
                                            const PublishOptions& options);

}  // namespace crashdump
