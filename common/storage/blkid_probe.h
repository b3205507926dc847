// SPDX-License-Identifier: GPL-2.0-or-later
// What libblkid sees on an open device. The only place that includes <blkid/blkid.h>; no cache file, no configuration,
// low level probing of one descriptor only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/storage/uuid.h"

namespace crashdump {

struct FoundSwap {
  std::string type;  // "swap", or "swsuspend" with a suspend signature
  Uuid uuid{};
};

// A swap with a UUID, or nothing: no swap, no UUID, or signatures of several kinds at once. The descriptor was opened
// without O_DIRECT, which libblkid cannot read through. kOs if the device cannot be read.
Result<std::optional<FoundSwap>> ProbeSwap(int fd);

// The PARTUUID of the partition of this whole disk that begins at this 512-byte sector; empty if the table has none or
// the disk has no table.
Result<std::string> ProbePartitionUuid(int disk_fd, uint64_t start_sector);

}  // namespace crashdump
