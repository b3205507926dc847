// SPDX-License-Identifier: GPL-2.0-or-later
// DumpContents: everything of a dump but the pages, gathered before the first write.
#pragma once

#include <optional>
#include <string>

#include "common/vmcore/page_class.h"
#include "common/vmcore/physical_memory.h"
#include "common/vmcore/vmcore.h"

namespace crashdump {

struct DumpContents {
  std::string machine_facts;
  std::string vmcoreinfo;               // "" if there is none
  std::string messages;                 // "" if there are none
  std::optional<Error> messages_error;  // why there are none
  uint64_t messages_left_out = 0;       // oldest records that were left out because of `newest_bytes`
  uint64_t crash_time = 0;              // 0 if unknown
};

// Of a longer log the oldest records are left out, so that at most `newest_bytes` of text are kept. Never fails: what
// cannot be had is missing, and the machine facts say so (messages_error, messages_left_out).
DumpContents GatherContents(const Vmcore& vmcore, const PhysicalMemory& memory, DumpLevel level, uint64_t newest_bytes);

}  // namespace crashdump
