// SPDX-License-Identifier: GPL-2.0-or-later
// An export goes through the pages of a dump twice, once to learn which there are and once to write them: how far it is
// in both together, in bytes of memory.
#pragma once

#include <functional>

#include "recover/dump_image.h"

namespace crashdump {

using ByteProgress = std::function<void(uint64_t done, uint64_t total)>;

// For DumpImage::Read(). Says nothing if the dump has no trailer, since the total is not known then.
ExportProgress FirstTime(const DumpReader& reader, const ByteProgress& progress);
// For VmcoreExporter::Write().
ExportProgress SecondTime(const DumpImage& image, const ByteProgress& progress);

}  // namespace crashdump
