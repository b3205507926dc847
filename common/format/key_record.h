// SPDX-License-Identifier: GPL-2.0-or-later
// KeyRecord: what is known about one arming: its keys, and where its dumps may be. It alone decides how and where
// recover looks for a dump. KeyArming: the part of it that travels to the capture kernel.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/base/units.h"
#include "common/format/dump_credentials.h"
#include "common/format/dump_layout.h"

namespace crashdump {

struct KeyRecord {
  DumpCredentials credentials;
  uint32_t slot_index = 0;        // message slot of the region
  uint64_t slot_offset = 0;       // of that slot, bytes from the region's first byte
  Range extent;                   // of page data, in bytes from the region's first byte; empty: messages only
  std::string boot_id;            // of the boot that armed, as in /proc/sys/kernel/random/boot_id
  std::string swap_uuid;          // of the swap whose upper end the region is
  uint64_t created = 0;           // seconds since 1970
  std::vector<DumpId> recovered;  // attempts whose dumps are published
  // Free facts for finding and describing the device (never conditions): names of [a-z0-9_.-], one line of text each.
  std::vector<std::pair<std::string, std::string>> hints;

  // The places of attempt 1 or 2.
  DumpLayout Layout(uint32_t attempt) const { return RegionSlotLayout(slot_offset, extent, attempt); }
  bool IsRecovered(const DumpId& attempt_id) const;

  // The text form, secrets included. Wipe() it after use.
  std::string ToText() const;
  // Checks everything: kCorrupt or kNotFound for a text that no ToText() makes, kUnsupported for another version or for
  // kind none, which may not stand in a record.
  static Result<KeyRecord> Parse(std::string_view text);
};

// "plain-file", "none", "sealed".
const char* KeyKindName(KeyKind kind);

// What capture is given in the overlay: the file `arming`.
struct KeyArming {
  DumpCredentials credentials;
  uint64_t slot_offset = 0;
  Range extent;
  Key seed;  // 32 random bytes for the attempt id

  DumpLayout Layout(uint32_t attempt) const { return RegionSlotLayout(slot_offset, extent, attempt); }
  std::string ToText() const;
  static Result<KeyArming> Parse(std::string_view text);
};

}  // namespace crashdump
