// SPDX-License-Identifier: GPL-2.0-or-later
// When a key record may be deleted: decided here, from facts alone, for loader and recover. A key deleted too early
// makes a dump unreadable for ever.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "common/base/byte_source.h"
#include "common/format/dump_format.h"
#include "common/format/key_record.h"

namespace crashdump {

// What the header place of one attempt says about a dump under a record's key.
enum class AttemptState : uint8_t {
  kAbsent,       // read without error, and nothing there authenticates
  kRecovered,    // there is a dump, and it is recorded recovered
  kUnrecovered,  // there is a dump that is not recorded recovered
  kUnknown,      // could not be read, the device is not there, or what is there is not as the record says
};
using AttemptStates = std::array<AttemptState, kAttempts>;

// For a record whose device is not present.
inline constexpr AttemptStates kUnknownAttempts{AttemptState::kUnknown, AttemptState::kUnknown};

// Of sealed keys the image may be loaded in any boot, from the initramfs of the system: the places are kept for it.
inline bool IsReserved(const KeyRecord& record) { return record.credentials.kind == KeyKind::kSealed; }

// Looks at the header places. `region` begins at the region's first byte, on the recorded device.
AttemptStates InspectAttempts(const ByteSource& region, const KeyRecord& record);

// Whether a dump may be there that nobody has recovered: its places must not be written, its key not be lost.
bool MayHoldDump(const AttemptStates& attempts);

struct BootFacts {
  std::string_view boot_id;          // of the running boot
  std::optional<DumpId> loaded_key;  // as LoadedKey() gives it
};

// Whether the record serves nothing any more: all its attempts are recorded recovered; or no image that is loaded or
// can be run again has its key (another boot's, or this boot has loaded a later image) and each header place was read
// without error and holds nothing, or a recovered dump. Never the key of the loaded image, and never a reserved one.
bool MayDeleteKey(const KeyRecord& record, const AttemptStates& attempts, const BootFacts& boot);

}  // namespace crashdump
