// SPDX-License-Identifier: GPL-2.0-or-later
// What the configuration says about recovered dumps, and recover does.
#pragma once

#include <cstdint>

namespace crashdump {

// Where the report that apport reads is put.
enum class ReportPlace : uint8_t {
  kPrivate,  // beside the dump, where only root can see that there is one
  kApport,   // in /var/crash, too, where its name tells everybody that the machine crashed
};

// Which dumps are kept; the newest always stays.
struct Retention {
  uint64_t keep = 0;      // KEEP: at most so many; 0: all
  uint64_t max_size = 0;  // MAX_SIZE: at most so many bytes; 0: all
};

}  // namespace crashdump
