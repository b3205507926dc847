// SPDX-License-Identifier: GPL-2.0-or-later
// The attempt id: names a dump, and is the part of every nonce that must not repeat under one pair of keys.
#pragma once

#include "common/base/bytes.h"
#include "common/format/dump_format.h"

namespace crashdump {

// Ingredients. None alone has to be unpredictable or unique: the seed differs between armings, the attempt number
// between attempts, the rest between restarts of one snapshot of a virtual machine.
struct AttemptIdParts {
  Bytes seed;            // from the overlay
  uint32_t attempt = 0;  // 1 or 2
  uint64_t crash_time = 0;
  Bytes elf_notes;
  Bytes log_buffer;
  Bytes random;  // from RandomBytesNoWait()
};

// The first 16 bytes of BLAKE2b-256 over the parts, each behind its length.
DumpId MakeAttemptId(const AttemptIdParts& parts);

}  // namespace crashdump
