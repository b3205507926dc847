// SPDX-License-Identifier: GPL-2.0-or-later
// The text of a dump's "machine facts" object: what is known about the crashed machine, line by line.
#pragma once

#include <string>

#include "common/base/text_record.h"
#include "common/vmcore/page_class.h"
#include "common/vmcore/physical_memory.h"
#include "common/vmcore/vmcore.h"

namespace crashdump {

// Keys (docs/dump-format.md, "Machine facts"):
//   program         who wrote the dump: "crashdump 0.1.0"
//   release         OSRELEASE of the crashed kernel
//   machine         as uname prints it
//   elf_machine, elf_class (32 or 64), byte_order (little or big): of the vmcore
//   page_size, memory_pages: bytes; pages that the vmcore holds
//   cpus            how many CPUs' registers the ELF notes hold
//   crash_time      seconds since 1970
//   dump_level
//   load            one line per PT_LOAD of the vmcore, in its order: physical address, bytes in the file, bytes in
//                   memory, virtual address, each hexadecimal, with commas between
//   loads_left_out  how many more there were
//   warning         one line for each oddity of the vmcore
// What is not known has no line.
TextRecord MachineFacts(const Vmcore& vmcore, const PhysicalMemory& memory, DumpLevel level);

}  // namespace crashdump
