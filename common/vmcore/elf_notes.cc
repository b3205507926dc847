// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/elf_notes.h"

#include <algorithm>
#include <cinttypes>

#include "common/base/units.h"

namespace crashdump {
namespace {

// The header is the same in both classes: name bytes, descriptor bytes, type.
constexpr size_t kNoteHeaderBytes = 12;
// Name and descriptor are padded to this, in core files of both classes.
constexpr uint64_t kNoteAlignment = 4;

}  // namespace

Result<std::optional<ElfNote>> ElfNoteReader::Next() {
  while (segment_.size() - offset_ >= kNoteHeaderBytes) {
    const size_t start = offset_;
    const Bytes header = segment_.subspan(start, kNoteHeaderBytes);
    const uint64_t name_bytes = LoadInteger(header.subspan(0, 4), order_);
    const uint64_t descriptor_bytes = LoadInteger(header.subspan(4, 4), order_);
    const uint64_t type = LoadInteger(header.subspan(8, 4), order_);
    if (name_bytes == 0 && descriptor_bytes == 0 && type == 0) {
      offset_ = start + kNoteHeaderBytes;
      continue;
    }
    const uint64_t remaining = segment_.size() - start - kNoteHeaderBytes;
    const uint64_t descriptor_at = AlignUp(name_bytes, kNoteAlignment);
    if (descriptor_at > remaining || descriptor_bytes > remaining - descriptor_at) {
      offset_ = segment_.size();
      return Error::Format(ErrorCode::kCorrupt,
                           "note at %zu: %" PRIu64 " bytes of name and %" PRIu64 " of contents, where %" PRIu64
                           " are left",
                           start, name_bytes, descriptor_bytes, remaining);
    }
    const Bytes body = segment_.subspan(start + kNoteHeaderBytes);
    const std::string_view name = TextOf(body.first(static_cast<size_t>(name_bytes)));
    // The last note may lack its padding.
    const uint64_t used = std::min(AlignUp(descriptor_at + descriptor_bytes, kNoteAlignment), remaining);
    offset_ = start + kNoteHeaderBytes + static_cast<size_t>(used);
    return std::optional<ElfNote>(
        ElfNote{.name = name.substr(0, name.find('\0')),
                .type = static_cast<uint32_t>(type),
                .descriptor = body.subspan(static_cast<size_t>(descriptor_at), static_cast<size_t>(descriptor_bytes))});
  }
  return std::optional<ElfNote>();
}

}  // namespace crashdump
