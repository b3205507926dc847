// SPDX-License-Identifier: GPL-2.0-or-later
// ElfNoteReader: walks the notes of a PT_NOTE segment. The notes hold the CPUs' registers and VMCOREINFO.
#pragma once

#include <optional>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/vmcore/target_data.h"

namespace crashdump {

// Views of the segment's bytes. The name is without its terminating NUL.
struct ElfNote {
  std::string_view name;
  uint32_t type = 0;
  Bytes descriptor;
};

inline constexpr std::string_view kNoteNameCore = "CORE";
inline constexpr std::string_view kNoteNameVmcoreinfo = "VMCOREINFO";
inline constexpr uint32_t kNoteTypePrstatus = 1;  // with the name "CORE": one CPU's registers

class ElfNoteReader {
 public:
  // Borrows `segment`.
  ElfNoteReader(Bytes segment, ByteOrder order) : segment_(segment), order_(order) {}

  // The next note; nothing at the end; kCorrupt, with the offset, for one that does not fit the segment: nothing can
  // be read behind it. Empty headers (all zero: the end of one CPU's buffer) are skipped.
  Result<std::optional<ElfNote>> Next();

 private:
  Bytes segment_;
  ByteOrder order_;
  size_t offset_ = 0;
};

}  // namespace crashdump
