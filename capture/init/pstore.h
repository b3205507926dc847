// SPDX-License-Identifier: GPL-2.0-or-later
// The machine's own memory for panic messages (pstore: UEFI's variables, ACPI's ERST), for when they can be written
// nowhere else (crashdump.pstore). No program can write there; the kernel does, with its own log, as it reboots.
#pragma once

#include <string>

#include "capture/init/init_context.h"

namespace crashdump {

struct PstorePaths {
  const char* backend = "/sys/module/pstore/parameters/backend";
  const char* always_dump = "/sys/module/printk/parameters/always_kmsg_dump";
  const char* log_limit = "/proc/sys/kernel/printk_devkmsg";
};

// The name of the memory that the kernel drives. kNotFound if there is none.
Result<std::string> PstoreBackend(const PstorePaths& paths = {});

// Has `capture_program` say the messages of the kernel that crashed again in this one's log, and this one keep its log
// when it reboots, which should be at once: what is logged in between takes the room. kNotFound if it drives no such
// memory; kTimeout if that took too long.
Result<> KeepMessagesInPstore(InitContext& init, const char* capture_program, const PstorePaths& paths = {});

}  // namespace crashdump
